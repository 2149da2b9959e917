"""Films of which everything is known, one of each class that has fooled a reader, and eyes and ears for them.

Every picture has its number drawn into it: ten squares along its upper edge, and below each of them its opposite, so
that what cannot be read is not taken for a number. The sound is silent but for beeps, no two of which are equally far
apart. A film and what was made of it are both decoded by ffmpeg, pictures and sound in one run, so that they have one clock.
"""

import array
import dataclasses
import json
import pathlib
import re
import statistics
import subprocess
import tempfile

WIDTH, HEIGHT, SQUARE, BITS = 160, 120, 16, 10
FPS, SECONDS = 25, 8
BEEPS = [0.30, 0.75, 1.30, 1.85, 2.50, 3.00, 3.70, 4.35, 5.15, 5.80, 6.70, 7.40]
BEEP = 0.08  # seconds
HEARD = 8000  # samples a second in which it is listened to
LOUD = 2000  # of 32767
PAUSE = 50  # milliseconds of silence that end a beep
SAME_TIME = 2.0  # milliseconds: a source and Matroska round to one each
TOGETHER = 10.0  # milliseconds by which sound may be off the picture: nobody hears that


def call(*command, cwd=None):
    done = subprocess.run(command, cwd=cwd, capture_output=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def ffmpeg(where, *args):
    call("ffmpeg", "-nostdin", "-v", "error", "-y", *args, cwd=where)


# ---- Making them -----------------------------------------------------------------------------------------------------


def base(where):
    """The film from which all others are made, without loss."""
    bit = f"mod(floor(N/pow(2,floor(X/{SQUARE}))),2)"
    squares = f"if(abs({bit}-lt(Y,{SQUARE})),16,235)"
    inside = f"lt(Y,{2 * SQUARE})*lt(X,{SQUARE * BITS})"
    pictures = (
        f"testsrc2=s={WIDTH}x{HEIGHT}:r={FPS}:d={SECONDS},format=yuv420p,"
        f"geq=lum='if({inside},{squares},p(X,Y))':cb='p(X,Y)':cr='p(X,Y)'"
    )
    when = "+".join(f"between(t,{at},{at + BEEP})" for at in BEEPS)
    sound = f"aevalsrc='0.4*({when})*sin(2*PI*1000*t)':s=48000:d={SECONDS}"
    inputs = ["-f", "lavfi", "-i", pictures, "-f", "lavfi", "-i", sound]
    ffmpeg(where, *inputs, "-c:v", "ffv1", "-c:a", "pcm_s16le", "base.mkv")


H264 = "-c:v libx264 -preset veryfast -crf 14 -g 50 -bf 2 -sc_threshold 0"
OPEN_H264 = "-c:v libx264 -preset veryfast -crf 14 -g 12 -bf 3 -x264-params open-gop=1:scenecut=0"
OPEN_HEVC = (
    "-c:v libx265 -preset veryfast -crf 14"
    " -x265-params log-level=none:open-gop=1:keyint=12:min-keyint=1:scenecut=0:bframes=3:b-adapt=0"
)
OPEN_MPEG2 = "-c:v mpeg2video -q:v 2 -g 12 -bf 2"
FIELDS = "-c:v libx265 -crf 14 -x265-params log-level=none:interlace=tff"
HIDDEN = "-c:v libvpx-vp9 -b:v 900k -auto-alt-ref 1 -lag-in-frames 25 -cpu-used 4"
AV1 = "-c:v libsvtav1 -preset 8 -crf 20 -g 50"
AAC, MP2 = "-c:a aac -b:a 128k", "-c:a mp2 -b:a 192k"


def encoded(name, options):
    """A film encoded with `options`."""

    def make(where):
        ffmpeg(where, "-i", "base.mkv", *options.split(), name)
        return name

    return make


def from_within(name, options, part):
    """A recording that was switched on in mid-stream: without the first `part` of its bytes, in whole packets."""

    def make(where):
        ffmpeg(where, "-i", "base.mkv", *options.split(), "whole.ts")
        whole = (where / "whole.ts").read_bytes()
        (where / name).write_bytes(whole[int(len(whole) * part) // 188 * 188 :])
        return name

    return make


def from_a_keyframe(where):
    """HEVC that begins at a keyframe which pictures follow that are shown before it and cannot be decoded."""
    ffmpeg(where, "-i", "base.mkv", *OPEN_HEVC.split(), *AAC.split(), "whole.mkv")
    ffmpeg(where, "-ss", "1.5", "-i", "whole.mkv", "-c", "copy", "leading.mkv")
    return "leading.mkv"


def trimmed(where):
    """A film whose beginning an edit list hides."""
    ffmpeg(where, "-i", "base.mkv", *H264.split(), *AAC.split(), "whole.mp4")
    ffmpeg(where, "-ss", "0.7", "-i", "whole.mp4", "-c", "copy", "trimmed.mp4")
    return "trimmed.mp4"


def uneven(where):
    """Pictures that are shown for times of very different lengths."""
    times = "select='not(mod(n,3))+lt(mod(n,50),20)'"
    ffmpeg(where, "-i", "base.mkv", "-vf", times, "-fps_mode", "vfr", *H264.split(), *AAC.split(), "uneven.mkv")
    return "uneven.mkv"


def later(where):
    """The sound of a film with a delay."""
    ffmpeg(where, "-i", "base.mkv", "-itsoffset", "0.4", "-i", "base.mkv", "-map", "0:v", "-map", "1:a",
           *H264.split(), *AAC.split(), "later.mkv")
    return "later.mkv"


def packets(path):
    """Place and size of every packet of the picture."""
    asked = ["-select_streams", "v:0", "-show_entries", "packet=pos,size", "-of", "json"]
    listed = call("ffprobe", "-v", "error", *asked, path)
    return [(int(packet["pos"]), int(packet["size"])) for packet in json.loads(listed)["packets"]]


def noisy(name):
    """A film with noise written into one of its pictures, so that a decoder complains."""

    def make(where):
        whole = "whole" + pathlib.Path(name).suffix
        ffmpeg(where, "-i", "base.mkv", *H264.split(), "-c:a", "ac3", whole)
        intact = (where / whole).read_bytes()
        for at, size in packets(where / whole)[60:]:
            damaged = bytearray(intact)
            middle = at + size // 2
            damaged[middle : middle + 8] = bytes(byte ^ 0x5A for byte in damaged[middle : middle + 8])
            (where / name).write_bytes(damaged)
            if look(where / name).complaints:
                return name
        raise SystemExit(f"{name}: no decoder complains of noise")

    return make


def holed(where):
    """A recording of which half a second was lost on the way."""
    ffmpeg(where, "-i", "base.mkv", *H264.split(), *MP2.split(), "whole.ts")
    whole = (where / "whole.ts").read_bytes()
    units = len(whole) // 188
    (where / "holed.ts").write_bytes(whole[: units // 2 * 188] + whole[(units // 2 + units // 16) * 188 :])
    return "holed.ts"


def whole_release(where):
    """Two languages, subtitles, chapters, a font."""
    one, two = "1\n00:00:01,000 --> 00:00:02,000\nOne\n", "2\n00:00:04,000 --> 00:00:05,000\nTwo\n"
    (where / "words.srt").write_text(f"{one}\n{two}")
    (where / "chapters.txt").write_text(
        ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=3000\ntitle=One\n"
        "[CHAPTER]\nTIMEBASE=1/1000\nSTART=3000\nEND=8000\ntitle=Two\n"
    )
    (where / "font.ttf").write_bytes(b"no font" * 100)
    ffmpeg(where, "-i", "base.mkv", "-i", "words.srt", "-i", "chapters.txt", "-map", "0:v", "-map", "0:a", "-map", "0:a",
           "-map", "1", "-map_metadata", "2", "-attach", "font.ttf", "-metadata:s:t", "mimetype=font/ttf",
           *H264.split(), *AAC.split(), "-c:s", "srt", "release.mkv")
    return "release.mkv"


def broken_link(where):
    """HEVC that begins as after a cut: with a BLA picture, after which the leading pictures are not to be decoded."""
    stream = where / from_a_keyframe(where)
    film, (at, _) = bytearray(stream.read_bytes()), packets(stream)[0]
    kind = film.index(b"\x2a\x01", at)  # the head of a CRA picture
    if kind > at + 5000:
        raise SystemExit("the film begins with no CRA picture")
    film[kind] = 16 << 1
    (where / "broken-link.mkv").write_bytes(film)
    return "broken-link.mkv"


def repeating(where):
    """A DVD of 24 pictures a second, of which every second one is shown for a field longer."""
    # Interlaced only in its headers; times come from the flags, which the encoder does not write.
    ffmpeg(where, "-i", "base.mkv", "-vf", "setpts=N*1001/30000/TB", "-r", "30000/1001", "-c:v", "mpeg2video", "-q:v", "2",
           "-g", "12", "-bf", "0", "-flags", "+ilme+ildct", "-an", "whole.m2v")
    stream, pictures = bytearray((where / "whole.m2v").read_bytes()), 0
    for found in re.finditer(b"\x00\x00\x01\xb5[\x80-\x8f]", bytes(stream)):  # picture_coding_extension
        first, repeat = [(1, 1), (0, 0), (0, 1), (1, 0)][pictures % 4]
        at = found.start() + 7
        stream[at] = stream[at] & 0x7D | first << 7 | repeat << 1
        stream[at + 1] |= 0x80  # progressive_frame
        pictures += 1
    (where / "repeating.m2v").write_bytes(stream)
    ffmpeg(where, "-i", "repeating.m2v", "-i", "base.mkv", "-map", "0:v", "-map", "1:a", "-c:v", "copy", "-c:a", "ac3",
           "repeating.vob")
    return "repeating.vob"


def of_one_time(where):
    """Every fortieth picture has the time of the one before it."""
    ffmpeg(where, "-i", "base.mkv", *H264.split(), "-bf", "0", *AAC.split(), "whole.mkv")
    again = "eq(mod(N\\,40)\\,20)"
    times = f"setts=pts=if({again}\\,PREV_OUTPTS\\,PTS):dts=if({again}\\,PREV_OUTDTS\\,DTS)"
    ffmpeg(where, "-i", "whole.mkv", "-c", "copy", "-bsf:v", times, "one-time.mkv")
    return "one-time.mkv"


def doubled(where):
    """A recording in which some pictures came twice."""
    ffmpeg(where, "-i", "base.mkv", *H264.split(), *MP2.split(), "whole.ts")
    whole, picture, pictures, count, made = (where / "whole.ts").read_bytes(), [], 0, 0, bytearray()
    units = [whole[at : at + 188] for at in range(0, len(whole), 188)]

    def put(unit):
        nonlocal count
        made.extend(unit[:3] + bytes([unit[3] & 0xF0 | count % 16]) + unit[4:])
        count += 1

    for unit in units:
        if int.from_bytes(unit[1:3], "big") & 0x1FFF != 0x100:  # not of the picture
            made.extend(unit)
            continue
        if unit[1] & 0x40:  # a picture begins
            for again in picture * (pictures % 20 == 10):
                put(again)
            picture, pictures = [], pictures + 1
        picture.append(unit)
        put(unit)
    (where / "doubled.ts").write_bytes(made)
    return "doubled.ts"


class Bits:
    """Bits that are put behind one another."""

    def __init__(self):
        self.text = []

    def put(self, value, length):
        self.text.append(f"{value:0{length}b}" if length else "")
        return self

    def golomb(self, value):
        length = (value + 1).bit_length()
        return self.put(value + 1, 2 * length - 1)

    def signed(self, value):
        return self.golomb(2 * value - 1 if value > 0 else -2 * value)

    def bytes(self, end="1"):
        text = "".join(self.text) + end
        text += "0" * (-len(text) % 8)
        return int(text, 2).to_bytes(len(text) // 8, "big")


def unit_of_h264(kind, payload):
    """A NAL unit with its start code, in which no other start code can be seen."""
    return b"\x00\x00\x00\x01" + bytes([kind]) + re.sub(b"\x00\x00(?=[\x00-\x03])", b"\x00\x00\x03", payload)


def field_of_h264(lines, columns, frame, bottom):
    """A field, all of whose macroblocks are samples as they are (I_PCM)."""
    bits, is_first = Bits(), not bottom
    bits.golomb(0).golomb(7).golomb(0).put(frame % 16, 4).put(1, 1).put(int(bottom), 1)
    if is_first:
        bits.golomb(frame % 2)  # idr_pic_id
    bits.put(0, 2) if is_first else bits.put(0, 1)  # dec_ref_pic_marking
    bits.signed(0).golomb(1)  # slice_qp_delta, no deblocking
    head = bits.golomb(25).bytes(end="")
    body = bytearray()
    luma, blue, red = lines
    rows, width = len(luma) // 16 // columns // 16, columns * 16
    for row in range(rows):
        for column in range(columns):
            if row or column:
                body += bytes([0x0D, 0x00])  # mb_type 25, aligned
            for plane, size, stride in ((luma, 16, width), (blue, 8, width // 2), (red, 8, width // 2)):
                for line in range(row * size, row * size + size):
                    at = line * stride + column * size
                    body += plane[at : at + size]
    return unit_of_h264(0x65 if is_first else 0x61, head + bytes(body) + b"\x80")


def separate_fields(where):
    """H.264 of which each field is a picture of its own (PAFF), which no encoder here writes."""
    width, height = 160, 128
    ffmpeg(where, "-i", "base.mkv", "-vf", f"pad={width}:{height}", "-pix_fmt", "yuv420p", "-f", "rawvideo", "raw.yuv")
    raw = (where / "raw.yuv").read_bytes()
    head = Bits().put(77, 8).put(0, 8).put(30, 8)
    head.golomb(0).golomb(0).golomb(2).golomb(1).put(0, 1)  # frame numbers of 4 bits, shown in the order of coding
    head.golomb(width // 16 - 1).golomb(height // 32 - 1).put(0, 1).put(0, 1).put(1, 1)  # fields
    head.put(0, 1).put(1, 1)  # no cropping; timing follows
    head.put(0, 4).put(1, 1).put(1, 32).put(2 * FPS, 32).put(1, 1).put(0, 4)
    picture = Bits().golomb(0).golomb(0).put(0, 1).put(0, 1).golomb(0).golomb(0).golomb(0).put(0, 3).signed(0).signed(0).signed(0)
    picture.put(1, 1).put(0, 2)
    stream = [unit_of_h264(0x67, head.bytes()), unit_of_h264(0x68, picture.bytes())]
    heads, size = list(stream), width * height * 3 // 2
    for number in range(len(raw) // size):
        frame = raw[number * size : (number + 1) * size]
        planes, at = [], 0
        for columns, lines in ((width, height), (width // 2, height // 2), (width // 2, height // 2)):
            planes.append([frame[at + line * columns : at + (line + 1) * columns] for line in range(lines)])
            at += columns * lines
        for bottom in (0, 1):
            fields = [b"".join(plane[bottom::2]) for plane in planes]
            stream += [*heads * (not bottom), field_of_h264(fields, width // 16, 0, bottom)]
    (where / "fields.h264").write_bytes(b"".join(stream))
    ffmpeg(where, "-r", str(2 * FPS), "-i", "fields.h264", "-i", "base.mkv", "-map", "0:v", "-map", "1:a", "-c:v", "copy", *MP2.split(),
           "fields.ts")
    return "fields.ts"


def units_of_av1(stream):
    """The OBUs of a stream, each as type and payload."""
    at, found = 0, []
    while at < len(stream):
        head, size, shift, at = stream[at], 0, 0, at + 1
        while True:
            byte, at = stream[at], at + 1
            size |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        found.append((head >> 3 & 15, stream[at : at + size]))
        at += size
    return found


def unit_of_av1(kind, payload, layer=None):
    """An OBU, of a spatial layer."""
    head = bytes([kind << 3 | 2]) if layer is None else bytes([kind << 3 | 6, layer << 3])
    size, left = bytearray(), len(payload)
    while left >= 0x80:
        size.append(left & 0x7F | 0x80)
        left >>= 7
    return head + bytes([*size, left]) + payload


def with_layers(head):
    """A sequence header that says that there are two spatial layers; its last bits are padding."""
    text = "".join(f"{byte:08b}" for byte in head)
    if text[3:12] != "0" * 9:
        raise SystemExit("a sequence header with times, or of more than one layer already")
    level = text[24:29] + (text[29] if int(text[24:29], 2) > 7 else "")
    rest = text[24 + len(level) :].rstrip("0")
    text = text[:7] + f"{1:05b}" + f"{0x301:012b}" + level + f"{0x101:012b}" + level + rest
    text += "0" * (-len(text) % 8)
    return int(text, 2).to_bytes(len(text) // 8, "big")


def layers(where):
    """AV1 of two layers: every picture is there twice, and the better one is shown. The other one here is a negative."""
    streams = []
    for name, filters in (("better.obu", "null"), ("worse.obu", "negate")):
        ffmpeg(where, "-i", "base.mkv", "-vf", filters, "-c:v", "libaom-av1", "-cpu-used", "8", "-crf", "16", "-g", "1", "-an", name)
        streams.append(units_of_av1((where / name).read_bytes()))
    made, worse = bytearray(), iter([payload for kind, payload in streams[1] if kind == 6])
    for kind, payload in streams[0]:
        if kind == 2:  # a temporal unit begins
            made += unit_of_av1(kind, payload)
        elif kind == 1:
            made += unit_of_av1(kind, with_layers(payload))
        elif kind == 6:
            made += unit_of_av1(kind, next(worse), 0) + unit_of_av1(kind, payload, 1)
    (where / "layers.obu").write_bytes(made)
    ffmpeg(where, "-r", str(FPS), "-i", "layers.obu", "-i", "base.mkv", "-map", "0:v", "-map", "1:a", "-c:v", "copy",
           "-c:a", "libopus", "layers.mkv")
    return "layers.mkv"


# What each class is called, and who makes a film of it.
CLASSES = {
    "H.264, mkv": encoded("plain.mkv", f"{H264} {AAC}"),
    "two languages, subtitles, chapters, font": whole_release,
    "H.264 and AAC, mp4": encoded("plain.mp4", f"{H264} {AAC}"),
    "mp4 trimmed by its edit list": trimmed,
    "sound that begins later": later,
    "variable frame rate": uneven,
    "odd size": encoded("odd.mkv", f"-vf pad=161:121 -pix_fmt yuv444p {H264} {AAC}"),
    "interlaced H.264, ts": encoded("interlaced.ts", f"{H264} -flags +ilme+ildct -x264-params tff=1 {MP2}"),
    "HEVC of single fields": encoded("fields.mkv", f"{FIELDS} -c:a ac3"),
    "H.264 of single fields (PAFF), ts": separate_fields,
    "DVD with repeated fields, vob": repeating,
    "H.264 of open groups, ts": encoded("open.ts", f"{OPEN_H264} {MP2}"),
    "MPEG-2 of open groups, ts": encoded("open-2.ts", f"{OPEN_MPEG2} {MP2}"),
    "HEVC that begins with leading pictures": from_a_keyframe,
    "HEVC that begins with a broken link (BLA)": broken_link,
    "H.264 recording from within, ts": from_within("within.ts", f"{H264} {MP2}", 0.17),
    "MPEG-2 recording from within, ts": from_within("within-2.ts", f"{OPEN_MPEG2} {MP2}", 0.17),
    "intra refresh from within, ts": from_within("refresh.ts", f"{H264} -x264-params intra-refresh=1 {MP2}", 0.17),
    "clock that wraps, ts": encoded("wraps.ts", f"{H264} {MP2} -output_ts_offset 95440"),
    "lost packets, ts": holed,
    "pictures that came twice, ts": doubled,
    "pictures of one time, mkv": of_one_time,
    "damaged picture, mkv": noisy("noisy.mkv"),
    "damaged picture, ts": noisy("noisy.ts"),
    "hidden pictures of VP9": encoded("hidden.webm", f"{HIDDEN} -c:a libopus"),
    "AV1, mkv": encoded("av1.mkv", f"{AV1} -c:a libopus"),
    "AV1 with film grain, mp4": encoded("grain.mp4", f"{AV1} -svtav1-params film-grain=8 {AAC}"),
    "AV1, ivf": encoded("av1.ivf", f"{AV1} -an"),
    "AV1, obu": encoded("av1.obu", f"{AV1} -an"),
    "AV1 of two layers, mkv": layers,
    "raw H.264": encoded("raw.h264", f"{H264} -an"),
    "raw HEVC": encoded("raw.hevc", f"{OPEN_HEVC} -an"),
    "MPEG-4 with packed pictures, avi": encoded("packed.avi", "-c:v mpeg4 -q:v 2 -bf 2 -c:a libmp3lame"),
}


# ---- Looking at them -------------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Seen:
    """What is in a film; times in milliseconds."""

    numbers: list  # of each picture, None where it cannot be read
    times: list  # of each picture
    beeps: list  # when each begins; of the first track
    tracks: dict  # how many there are of each kind, and chapters
    complaints: list  # of ffmpeg


def square(picture, column, row):
    """The mean of the middle of a square."""
    left = column * SQUARE + 4
    lines = [(row * SQUARE + line) * WIDTH + left for line in range(4, 12)]
    return sum(sum(picture[at : at + 8]) for at in lines) / 64


def number(picture):
    """The number that is drawn into a picture."""
    found = 0
    for bit in range(BITS):
        upper, lower = square(picture, bit, 0), square(picture, bit, 1)
        if abs(upper - lower) < 80:
            return None
        found |= (upper > lower) << bit
    return found


def numbers(raw):
    """The numbers of small grey pictures that lie behind one another."""
    size = WIDTH * HEIGHT
    return [number(raw[at : at + size]) for at in range(0, len(raw) - size + 1, size)]


def beeps(raw):
    """When a beep begins in 16 bit samples. What is shorter than half of one is a click, as a damaged packet gives."""
    samples, found, quiet = array.array("h", raw), [], PAUSE
    step = HEARD // 1000
    for ms in range(len(samples) // step):
        if max(samples[ms * step : (ms + 1) * step]) > LOUD:
            if quiet >= PAUSE:
                found.append([float(ms), 0])
            found[-1][1] += 1
            quiet = 0
        else:
            quiet += 1
    return [ms for ms, length in found if length >= 500 * BEEP]


def look(path):
    """Looks at a film, and listens."""
    path = pathlib.Path(path).resolve()
    said = json.loads(call("ffprobe", "-v", "quiet", "-show_streams", "-show_chapters", "-of", "json", f"file:{path}"))
    kinds = [stream.get("codec_type") for stream in said["streams"]]
    tracks = {kind: kinds.count(kind) for kind in ("video", "audio", "subtitle", "attachment")}
    tracks["chapters"] = len(said["chapters"])
    small = f"showinfo=checksum=0,scale={WIDTH}:{HEIGHT}:flags=area,format=gray"
    with tempfile.TemporaryDirectory() as where:
        command = ["ffmpeg", "-nostdin", "-hide_banner", "-nostats", "-loglevel", "level+info"]
        command += ["-i", f"file:{path}"]
        command += ["-map", "0:V:0", "-fps_mode", "passthrough", "-vf", small, "-f", "rawvideo", "pictures"]
        if tracks["audio"]:
            command += ["-map", "0:a:0", "-af", f"aresample={HEARD}:async=1:first_pts=0", "-ac", "1"]
            command += ["-f", "s16le", "sound"]
        done = subprocess.run(command, cwd=where, capture_output=True, check=False, stdin=subprocess.DEVNULL)
        lines = done.stderr.decode(errors="replace").splitlines()
        files = [pathlib.Path(where, name) for name in ("pictures", "sound")]
        pictures, sound = (file.read_bytes() if file.exists() else b"" for file in files)
    shown = (re.search(r"\[Parsed_showinfo.* n: *\d+ .*?pts_time:(\S+)", line) for line in lines)
    times = [1000 * float(match[1]) for match in shown if match and match[1] != "NOPTS"]
    return Seen(numbers(pictures), times, beeps(sound), tracks, [line for line in lines if "[error]" in line])


def faults(source, output):
    """What of `output` is not the film that `source` is, in a few words each."""
    found = []
    if source.numbers != output.numbers:
        found.append(of_numbers(source.numbers, output.numbers))
    ours, theirs = ({n: ms for n, ms in zip(seen.numbers, seen.times) if n is not None} for seen in (source, output))
    both = sorted(ours.keys() & theirs.keys())
    if not both:
        return [*found, "no picture of it"]
    shift = statistics.median(theirs[n] - ours[n] for n in both)
    worst = max(abs(theirs[n] - ours[n] - shift) for n in both)
    if worst > SAME_TIME:
        found.append(f"pictures up to {worst:.0f} ms off")
    heard = [ms + shift for ms in source.beeps]
    if len(heard) != len(output.beeps):
        found.append(f"{len(output.beeps)} of {len(heard)} beeps")
    elif heard and (late := max((b - a for a, b in zip(heard, output.beeps)), key=abs)) and abs(late) > TOGETHER:
        found.append(f"sound {abs(late):.0f} ms {'late' if late > 0 else 'early'}")
    for kind, wanted in source.tracks.items():
        if kind != "video" and output.tracks[kind] != wanted:
            found.append(f"{kind}: {output.tracks[kind]} of {wanted}")
    return found


def of_numbers(wanted, found):
    """In what the pictures of a film are others."""
    missing = len(set(wanted) - set(found) - {None})
    doubled = len(found) - len(set(found))
    counts = "" if len(wanted) == len(found) else f"{len(found)} of {len(wanted)} pictures"
    parts = [counts, f"{missing} lost" * bool(missing), f"{doubled} twice" * (doubled > len(wanted) - len(set(wanted)))]
    return ", ".join(part for part in parts if part) or "other pictures, or in another order"
