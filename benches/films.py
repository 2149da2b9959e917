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
    "H.264 of open groups, ts": encoded("open.ts", f"{OPEN_H264} {MP2}"),
    "MPEG-2 of open groups, ts": encoded("open-2.ts", f"{OPEN_MPEG2} {MP2}"),
    "HEVC that begins with leading pictures": from_a_keyframe,
    "H.264 recording from within, ts": from_within("within.ts", f"{H264} {MP2}", 0.17),
    "MPEG-2 recording from within, ts": from_within("within-2.ts", f"{OPEN_MPEG2} {MP2}", 0.17),
    "intra refresh from within, ts": from_within("refresh.ts", f"{H264} -x264-params intra-refresh=1 {MP2}", 0.17),
    "clock that wraps, ts": encoded("wraps.ts", f"{H264} {MP2} -output_ts_offset 95440"),
    "lost packets, ts": holed,
    "damaged picture, mkv": noisy("noisy.mkv"),
    "damaged picture, ts": noisy("noisy.ts"),
    "hidden pictures of VP9": encoded("hidden.webm", f"{HIDDEN} -c:a libopus"),
    "AV1, mkv": encoded("av1.mkv", f"{AV1} -c:a libopus"),
    "AV1 with film grain, mp4": encoded("grain.mp4", f"{AV1} -svtav1-params film-grain=8 {AAC}"),
    "AV1, ivf": encoded("av1.ivf", f"{AV1} -an"),
    "AV1, obu": encoded("av1.obu", f"{AV1} -an"),
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
