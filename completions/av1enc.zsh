#compdef av1enc

autoload -U is-at-least

_av1enc() {
    typeset -A opt_args
    typeset -a _arguments_options
    local ret=1

    if is-at-least 5.2; then
        _arguments_options=(-s -S -C)
    else
        _arguments_options=(-s -C)
    fi

    local context curcontext="$curcontext" state line
    _arguments "${_arguments_options[@]}" : \
'-i+[The film to encode, as av1an has it]:INPUT:_files' \
'--input=[The film to encode, as av1an has it]:INPUT:_files' \
'-o+[The file to write, Matroska \[default\: ./<INPUT'\''s stem>.av1.mkv\]]:OUTPUT:_files' \
'--output=[The file to write, Matroska \[default\: ./<INPUT'\''s stem>.av1.mkv\]]:OUTPUT:_files' \
'--backup-dir=[Directory for the original \[default\: INPUT'\''s\]]:DIR:_files' \
'--keep-backup=[Remove originals kept there for longer than AGE\: 30d]:AGE:_default' \
'-e+[Encoder \[default\: auto\]]:NAME:((auto\:"The first that works\: SvtAv1EncApp, then ffmpeg'\''s libsvtav1, libaom, librav1e"
svt-av1\:"SvtAv1EncApp"
libsvtav1\:"SVT-AV1 through ffmpeg"
libaom\:"libaom through ffmpeg"
librav1e\:"rav1e through ffmpeg"
av1-qsv\:"An Intel GPU through ffmpeg"
auto-hw\:"An Intel GPU if there is one that works, else as auto"))' \
'--encoder=[Encoder \[default\: auto\]]:NAME:((auto\:"The first that works\: SvtAv1EncApp, then ffmpeg'\''s libsvtav1, libaom, librav1e"
svt-av1\:"SvtAv1EncApp"
libsvtav1\:"SVT-AV1 through ffmpeg"
libaom\:"libaom through ffmpeg"
librav1e\:"rav1e through ffmpeg"
av1-qsv\:"An Intel GPU through ffmpeg"
auto-hw\:"An Intel GPU if there is one that works, else as auto"))' \
'--crf=[Quality, lower is better and larger\: 0 to 63 \[default\: 28\]]:CRF:_default' \
'--preset=[Speed, lower is slower and better\: 0 to 13 \[default\: 6\]]:N:_default' \
'-v+[Options of the encoder by its own names; they win over every default]:OPTIONS:_default' \
'--video-params=[Options of the encoder by its own names; they win over every default]:OPTIONS:_default' \
'-a+[Sound, by options of ffmpeg \[default\: copied\]]:OPTIONS:_default' \
'--audio-params=[Sound, by options of ffmpeg \[default\: copied\]]:OPTIONS:_default' \
'(-a --audio-params)--audio-codec=[Sound, by its codec \[default\: copy\]]:CODEC:((copy\:"It is not"
opus\:"libopus"
aac\:"ffmpeg'\''s AAC"
flac\:"FLAC"))' \
'(-a --audio-params)--opus-if=[Sound that becomes Opus\: lossless, or '\''bitrate>256'\'']:WHICH:_default' \
'(-a --audio-params)--downmix=[Mix sound of more channels down]:LAYOUT:((stereo\:"Two channels"))' \
'(-a --audio-params)--loudness=[Loudness of all sound in LUFS, by EBU R128\: -23]:LUFS:_default' \
'*--languages=[Languages of sound and subtitles to keep\: eng,de,und]:LANGUAGES:_default' \
'*--drop-languages=[Languages of sound and subtitles to drop\: rus]:LANGUAGES:_default' \
'-f+[Colour tags for a source that has none, as ffmpeg'\''s options]:OPTIONS:_default' \
'--ffmpeg=[ffmpeg to use \[default\: the one in PATH\]]:PATH:_files' \
'--ffprobe=[ffprobe to use \[default\: the one in PATH\]]:PATH:_files' \
'--device=[Render node of the GPU, with -e av1-qsv \[default\: Intel'\''s first\]]:PATH:_files' \
'--pix-format=[Pixel format \[default\: yuv420p10le\]]:FORMAT:((auto\:"4\:2\:0 of the source'\''s depth\: 8 bit, or 10 for whatever has more"
yuv420p\:"8 bit 4\:2\:0"
yuv420p10le\:"10 bit 4\:2\:0"))' \
'--source-class=[Kind of source \[default\: off\]]:CLASS:((off\:"No class is looked for"
auto\:"By rate, sound, codec and name"
remux\:"A copy of a disc"
web\:"From the web, as it is sold there"
low\:"A rip of low quality"))' \
'--crf-table=[Table for crf and preset]:TABLE:((class\:"By class of source"
size\:"By size"
codec\:"By the source'\''s codec, and size"
quick\:"By size, for those in a hurry"))' \
'--tier=[For --crf-table size \[default\: high\]]:TIER:((high\:"As the table has it"
very-high\:"Slower"
archive\:"To keep\: better and slower"
fast\:"Faster"))' \
'--tables=[Tables to decide by \[default\: those of \`av1enc tables\`\]]:FILE:_files' \
'(--no-config)--config=[Settings file \[default\: ~/.config/av1enc/config.toml\]]:FILE:_files' \
'*--skip=[Films to leave as they are (exit code 4)]:RULES:((av1\:"It is AV1 already"
hevc-web\:"It is a clean film of the web, in HEVC or VP9"
small\:"It has fewer bytes than --min-bytes"
marked\:"FILM.av1skip is beside it"
copying\:"It is still being written"
dynamic-hdr\:"It has dynamic HDR, and --dynamic-hdr is refuse"
own\:"av1enc has made it, or has kept it as the original"
none\:"None of these"))' \
'--min-bytes=[Smallest film that --skip small lets through\: 2G, or table]:SIZE:_default' \
'--stable-secs=[Time without a change that --skip copying waits for \[default\: 0\]]:SECONDS:_default' \
'--dynamic-hdr=[HDR10+ and Dolby Vision \[default\: drop\]]:WHAT:((drop\:"The film is encoded without them"
refuse\:"The film is not encoded"))' \
'(--crf --no-chunks --sc-only)--target-size=[Size of the whole output\: 4G, 700M]:SIZE:_default' \
'(--min-saving --sc-only)--max-size-ratio=[Largest share of INPUT'\''s size for the output\: 0.90]:RATIO:_default' \
'(--sc-only)--min-saving=[The same by what the output must save\: 5%]:SHARE:_default' \
'(--sc-only)--test-clip=[Encode a hard stretch first, to be approved \[default\: 45s\]]::TIME:_default' \
'(--approved)--approve=[Who approves it\: a command, or auto\:VMAF>=93 (or XPSNR)]:CMD:_default' \
'--encoder-path=[SvtAv1EncApp to use \[default\: PATH'\''s, else that of ./setup\]]:PATH:_files' \
'-w+[Encoders to run at once \[default\: auto\]]:N:_default' \
'--workers=[Encoders to run at once \[default\: auto\]]:N:_default' \
'--lp=[Parallelism of each encoder \[default\: from cores and memory\]]:N:_default' \
'--memory-limit=[Memory for the whole run\: auto, none, or 12G \[default\: auto\]]:SIZE:_default' \
'--temp=[Directory for the job'\''s state \[default\: OUTPUT.av1enc\]]:DIR:_files' \
'--on-interrupt=[What the first Ctrl-C does \[default\: stop\]]:WHAT:((stop\:"Running encoders are stopped; their chunks are encoded again when the job goes on"
finish\:"Running chunks are finished first"))' \
'--stall-timeout=[After how long an encoder that gets nowhere is started again]:SECONDS:_default' \
'--disk-timeout=[How long to wait for room on a full disk \[default\: 600\]]:SECONDS:_default' \
'--nice=[How much av1enc makes way for other programs\: 0 to 19]:N:_default' \
'--ionice=[When it gets the disks\: idle, best-effort\:7]:CLASS:_default' \
'--cpus=[Processors to use\: 0-7,12]:LIST:_default' \
'--numa=[Nodes of memory]:HOW:((interleave\:"Memory is spread over all nodes"
node\:"Each encoder is kept on one node"))' \
'--battery=[Pause below this charge, in percent, on battery]:N:_default' \
'--max-temp=[Hottest that the processor may get\: 80]:DEGREES:_default' \
'--schedule=[When to work\: 22\:00-07\:00,sat,sun]:WHEN:_default' \
'--pause-while=[Pause while this command of the shell succeeds]:CMD:_default' \
'--on-change=[If size or transfer function change \[default\: stop\]]:WHAT:((stop\:"The film is refused, with the command that cuts it there"
keep\:"All pictures are scaled to the size of the first, and tagged as it is"))' \
'-x+[Longest chunk, 0\: as long as its scene \[default\: 240\]]:FRAMES:_default' \
'--extra-split=[Longest chunk, 0\: as long as its scene \[default\: 240\]]:FRAMES:_default' \
'-m+[Who reads the film \[default\: auto\]]:WHO:((auto\:"FFMS2 where it is right, else ffmpeg in order; short films in order at once"
ffms2\:"FFMS2 where it is right, else ffmpeg in order"
linear\:"ffmpeg, from beginning to end; needs no VapourSynth"))' \
'--chunk-method=[Who reads the film \[default\: auto\]]:WHO:((auto\:"FFMS2 where it is right, else ffmpeg in order; short films in order at once"
ffms2\:"FFMS2 where it is right, else ffmpeg in order"
linear\:"ffmpeg, from beginning to end; needs no VapourSynth"))' \
'-s+[av1an'\''s file of scenes\: read if it is there, else written]:FILE:_files' \
'--scenes=[av1an'\''s file of scenes\: read if it is there, else written]:FILE:_files' \
'--force-keyframes=[Frames at which a chunk begins in any case\: 240,1500]:FRAMES:_default' \
'-l+[Append what happens to this file, as --verbose prints it]:FILE:_files' \
'--log-file=[Append what happens to this file, as --verbose prints it]:FILE:_files' \
'--proof=[Write what was compared to FILE, as \`verify --json\` has it]:FILE:_files' \
'--history=[Append what came of the film to FILE, as one line of JSON]:FILE:_files' \
'(-q --quiet --json)--progress=[How progress is shown \[default\: auto\]]:HOW:((auto\:"A bar at a terminal, lines elsewhere"
bar\:"A bar, wherever it goes"
lines\:"A line for each stage, and for each twentieth of it"
none\:"Nothing\: notes, warnings and the result are still printed"))' \
'-y[Overwrite the output if it exists]' \
'(-o --output --sc-only)--replace[Have the output take INPUT'\''s place (see \`av1enc restore\`)]' \
'(--backup-dir)--no-backup[Keep no original]' \
'--drop-commentary[Drop commentary, by its flag or title]' \
'--no-config[Read no settings file]' \
'--force-reencode[Encode AV1 again, and HEVC or VP9 of the web]' \
'--why[Write into INPUT.why.txt why it was skipped or failed]' \
'--mark[Write INPUT.av1skip where the output was too large]' \
'--approved[Go on\: the clip of these settings is good]' \
'-k[Keep the job directory after success]' \
'--keep[Keep the job directory after success]' \
'--restart[Throw away what an earlier run has done, and begin anew]' \
'--shared[Let all of the job directory'\''s group go on with the job]' \
'--wait[If another run works on the job, wait for its end]' \
'--no-chunks[Encode the film in one go with ffmpeg'\''s libsvtav1]' \
'--allow-truncated[Encode what there is of a source that is cut short]' \
'--sc-only[Only find the scenes, and write them into --scenes]' \
'--verify-decode[Decode the whole output as well before it gets its name]' \
'--verify-source[Compare all pictures with the source'\''s before the output gets its name]' \
'--dry-run[Print the plan and do nothing]' \
'--json[Print progress and result as JSON lines on standard output]' \
'(--verbose --json)-q[Print nothing but errors]' \
'(--verbose --json)--quiet[Print nothing but errors]' \
'--verbose[Print what each chunk does]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
'::input -- The film to encode:_files' \
":: :_av1enc_commands" \
"*::: :->av1enc" \
&& ret=0
    case $state in
    (av1enc)
        words=($line[2] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:av1enc-command-$line[2]:"
        case $line[2] in
            (doctor)
_arguments "${_arguments_options[@]}" : \
'-i+[The film to encode, as av1an has it]:INPUT:_files' \
'--input=[The film to encode, as av1an has it]:INPUT:_files' \
'-o+[The file to write, Matroska \[default\: ./<INPUT'\''s stem>.av1.mkv\]]:OUTPUT:_files' \
'--output=[The file to write, Matroska \[default\: ./<INPUT'\''s stem>.av1.mkv\]]:OUTPUT:_files' \
'--backup-dir=[Directory for the original \[default\: INPUT'\''s\]]:DIR:_files' \
'--keep-backup=[Remove originals kept there for longer than AGE\: 30d]:AGE:_default' \
'-e+[Encoder \[default\: auto\]]:NAME:((auto\:"The first that works\: SvtAv1EncApp, then ffmpeg'\''s libsvtav1, libaom, librav1e"
svt-av1\:"SvtAv1EncApp"
libsvtav1\:"SVT-AV1 through ffmpeg"
libaom\:"libaom through ffmpeg"
librav1e\:"rav1e through ffmpeg"
av1-qsv\:"An Intel GPU through ffmpeg"
auto-hw\:"An Intel GPU if there is one that works, else as auto"))' \
'--encoder=[Encoder \[default\: auto\]]:NAME:((auto\:"The first that works\: SvtAv1EncApp, then ffmpeg'\''s libsvtav1, libaom, librav1e"
svt-av1\:"SvtAv1EncApp"
libsvtav1\:"SVT-AV1 through ffmpeg"
libaom\:"libaom through ffmpeg"
librav1e\:"rav1e through ffmpeg"
av1-qsv\:"An Intel GPU through ffmpeg"
auto-hw\:"An Intel GPU if there is one that works, else as auto"))' \
'--crf=[Quality, lower is better and larger\: 0 to 63 \[default\: 28\]]:CRF:_default' \
'--preset=[Speed, lower is slower and better\: 0 to 13 \[default\: 6\]]:N:_default' \
'-v+[Options of the encoder by its own names; they win over every default]:OPTIONS:_default' \
'--video-params=[Options of the encoder by its own names; they win over every default]:OPTIONS:_default' \
'-a+[Sound, by options of ffmpeg \[default\: copied\]]:OPTIONS:_default' \
'--audio-params=[Sound, by options of ffmpeg \[default\: copied\]]:OPTIONS:_default' \
'(-a --audio-params)--audio-codec=[Sound, by its codec \[default\: copy\]]:CODEC:((copy\:"It is not"
opus\:"libopus"
aac\:"ffmpeg'\''s AAC"
flac\:"FLAC"))' \
'(-a --audio-params)--opus-if=[Sound that becomes Opus\: lossless, or '\''bitrate>256'\'']:WHICH:_default' \
'(-a --audio-params)--downmix=[Mix sound of more channels down]:LAYOUT:((stereo\:"Two channels"))' \
'(-a --audio-params)--loudness=[Loudness of all sound in LUFS, by EBU R128\: -23]:LUFS:_default' \
'*--languages=[Languages of sound and subtitles to keep\: eng,de,und]:LANGUAGES:_default' \
'*--drop-languages=[Languages of sound and subtitles to drop\: rus]:LANGUAGES:_default' \
'-f+[Colour tags for a source that has none, as ffmpeg'\''s options]:OPTIONS:_default' \
'--ffmpeg=[ffmpeg to use \[default\: the one in PATH\]]:PATH:_files' \
'--ffprobe=[ffprobe to use \[default\: the one in PATH\]]:PATH:_files' \
'--device=[Render node of the GPU, with -e av1-qsv \[default\: Intel'\''s first\]]:PATH:_files' \
'--pix-format=[Pixel format \[default\: yuv420p10le\]]:FORMAT:((auto\:"4\:2\:0 of the source'\''s depth\: 8 bit, or 10 for whatever has more"
yuv420p\:"8 bit 4\:2\:0"
yuv420p10le\:"10 bit 4\:2\:0"))' \
'--source-class=[Kind of source \[default\: off\]]:CLASS:((off\:"No class is looked for"
auto\:"By rate, sound, codec and name"
remux\:"A copy of a disc"
web\:"From the web, as it is sold there"
low\:"A rip of low quality"))' \
'--crf-table=[Table for crf and preset]:TABLE:((class\:"By class of source"
size\:"By size"
codec\:"By the source'\''s codec, and size"
quick\:"By size, for those in a hurry"))' \
'--tier=[For --crf-table size \[default\: high\]]:TIER:((high\:"As the table has it"
very-high\:"Slower"
archive\:"To keep\: better and slower"
fast\:"Faster"))' \
'--tables=[Tables to decide by \[default\: those of \`av1enc tables\`\]]:FILE:_files' \
'(--no-config)--config=[Settings file \[default\: ~/.config/av1enc/config.toml\]]:FILE:_files' \
'*--skip=[Films to leave as they are (exit code 4)]:RULES:((av1\:"It is AV1 already"
hevc-web\:"It is a clean film of the web, in HEVC or VP9"
small\:"It has fewer bytes than --min-bytes"
marked\:"FILM.av1skip is beside it"
copying\:"It is still being written"
dynamic-hdr\:"It has dynamic HDR, and --dynamic-hdr is refuse"
own\:"av1enc has made it, or has kept it as the original"
none\:"None of these"))' \
'--min-bytes=[Smallest film that --skip small lets through\: 2G, or table]:SIZE:_default' \
'--stable-secs=[Time without a change that --skip copying waits for \[default\: 0\]]:SECONDS:_default' \
'--dynamic-hdr=[HDR10+ and Dolby Vision \[default\: drop\]]:WHAT:((drop\:"The film is encoded without them"
refuse\:"The film is not encoded"))' \
'(--crf --no-chunks --sc-only)--target-size=[Size of the whole output\: 4G, 700M]:SIZE:_default' \
'(--min-saving --sc-only)--max-size-ratio=[Largest share of INPUT'\''s size for the output\: 0.90]:RATIO:_default' \
'(--sc-only)--min-saving=[The same by what the output must save\: 5%]:SHARE:_default' \
'(--sc-only)--test-clip=[Encode a hard stretch first, to be approved \[default\: 45s\]]::TIME:_default' \
'(--approved)--approve=[Who approves it\: a command, or auto\:VMAF>=93 (or XPSNR)]:CMD:_default' \
'--encoder-path=[SvtAv1EncApp to use \[default\: PATH'\''s, else that of ./setup\]]:PATH:_files' \
'-w+[Encoders to run at once \[default\: auto\]]:N:_default' \
'--workers=[Encoders to run at once \[default\: auto\]]:N:_default' \
'--lp=[Parallelism of each encoder \[default\: from cores and memory\]]:N:_default' \
'--memory-limit=[Memory for the whole run\: auto, none, or 12G \[default\: auto\]]:SIZE:_default' \
'--temp=[Directory for the job'\''s state \[default\: OUTPUT.av1enc\]]:DIR:_files' \
'--on-interrupt=[What the first Ctrl-C does \[default\: stop\]]:WHAT:((stop\:"Running encoders are stopped; their chunks are encoded again when the job goes on"
finish\:"Running chunks are finished first"))' \
'--stall-timeout=[After how long an encoder that gets nowhere is started again]:SECONDS:_default' \
'--disk-timeout=[How long to wait for room on a full disk \[default\: 600\]]:SECONDS:_default' \
'--nice=[How much av1enc makes way for other programs\: 0 to 19]:N:_default' \
'--ionice=[When it gets the disks\: idle, best-effort\:7]:CLASS:_default' \
'--cpus=[Processors to use\: 0-7,12]:LIST:_default' \
'--numa=[Nodes of memory]:HOW:((interleave\:"Memory is spread over all nodes"
node\:"Each encoder is kept on one node"))' \
'--battery=[Pause below this charge, in percent, on battery]:N:_default' \
'--max-temp=[Hottest that the processor may get\: 80]:DEGREES:_default' \
'--schedule=[When to work\: 22\:00-07\:00,sat,sun]:WHEN:_default' \
'--pause-while=[Pause while this command of the shell succeeds]:CMD:_default' \
'--on-change=[If size or transfer function change \[default\: stop\]]:WHAT:((stop\:"The film is refused, with the command that cuts it there"
keep\:"All pictures are scaled to the size of the first, and tagged as it is"))' \
'-x+[Longest chunk, 0\: as long as its scene \[default\: 240\]]:FRAMES:_default' \
'--extra-split=[Longest chunk, 0\: as long as its scene \[default\: 240\]]:FRAMES:_default' \
'-m+[Who reads the film \[default\: auto\]]:WHO:((auto\:"FFMS2 where it is right, else ffmpeg in order; short films in order at once"
ffms2\:"FFMS2 where it is right, else ffmpeg in order"
linear\:"ffmpeg, from beginning to end; needs no VapourSynth"))' \
'--chunk-method=[Who reads the film \[default\: auto\]]:WHO:((auto\:"FFMS2 where it is right, else ffmpeg in order; short films in order at once"
ffms2\:"FFMS2 where it is right, else ffmpeg in order"
linear\:"ffmpeg, from beginning to end; needs no VapourSynth"))' \
'-s+[av1an'\''s file of scenes\: read if it is there, else written]:FILE:_files' \
'--scenes=[av1an'\''s file of scenes\: read if it is there, else written]:FILE:_files' \
'--force-keyframes=[Frames at which a chunk begins in any case\: 240,1500]:FRAMES:_default' \
'-l+[Append what happens to this file, as --verbose prints it]:FILE:_files' \
'--log-file=[Append what happens to this file, as --verbose prints it]:FILE:_files' \
'--proof=[Write what was compared to FILE, as \`verify --json\` has it]:FILE:_files' \
'--history=[Append what came of the film to FILE, as one line of JSON]:FILE:_files' \
'(-q --quiet --json)--progress=[How progress is shown \[default\: auto\]]:HOW:((auto\:"A bar at a terminal, lines elsewhere"
bar\:"A bar, wherever it goes"
lines\:"A line for each stage, and for each twentieth of it"
none\:"Nothing\: notes, warnings and the result are still printed"))' \
'-y[Overwrite the output if it exists]' \
'(-o --output --sc-only)--replace[Have the output take INPUT'\''s place (see \`av1enc restore\`)]' \
'(--backup-dir)--no-backup[Keep no original]' \
'--drop-commentary[Drop commentary, by its flag or title]' \
'--no-config[Read no settings file]' \
'--force-reencode[Encode AV1 again, and HEVC or VP9 of the web]' \
'--why[Write into INPUT.why.txt why it was skipped or failed]' \
'--mark[Write INPUT.av1skip where the output was too large]' \
'--approved[Go on\: the clip of these settings is good]' \
'-k[Keep the job directory after success]' \
'--keep[Keep the job directory after success]' \
'--restart[Throw away what an earlier run has done, and begin anew]' \
'--shared[Let all of the job directory'\''s group go on with the job]' \
'--wait[If another run works on the job, wait for its end]' \
'--no-chunks[Encode the film in one go with ffmpeg'\''s libsvtav1]' \
'--allow-truncated[Encode what there is of a source that is cut short]' \
'--sc-only[Only find the scenes, and write them into --scenes]' \
'--verify-decode[Decode the whole output as well before it gets its name]' \
'--verify-source[Compare all pictures with the source'\''s before the output gets its name]' \
'--dry-run[Print the plan and do nothing]' \
'--json[Print progress and result as JSON lines on standard output]' \
'(--verbose --json)-q[Print nothing but errors]' \
'(--verbose --json)--quiet[Print nothing but errors]' \
'--verbose[Print what each chunk does]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'::input -- The film to encode:_files' \
&& ret=0
;;
(verify)
_arguments "${_arguments_options[@]}" : \
'*--known=[What is known to differ\: scaled, cropped=W\:H\:X\:Y, deinterlaced, rate, colors, dynamic-hdr, sound (its channels or loudness), tracks, names (titles, languages, tags), chapters, attachments, damage]:WHAT:_default' \
'--sample=[Compare pictures at N places only, from the beginning to the end \[default\: all pictures\]]:N:_default' \
'--ffmpeg=[ffmpeg to use \[default\: the one in PATH\]]:PATH:_files' \
'--ffprobe=[ffprobe to use \[default\: the one in PATH\]]:PATH:_files' \
'--json[Print the findings as one JSON object]' \
'-h[Print help]' \
'--help[Print help]' \
':source -- The film that is there:_files' \
':output -- The film that was made of it:_files' \
&& ret=0
;;
(restore)
_arguments "${_arguments_options[@]}" : \
'--backup-dir=[Where originals are kept \[default\: beside the film\]]:DIR:_files' \
'-h[Print help]' \
'--help[Print help]' \
':film -- The film, as it was named, as it is, or as it is kept:_files' \
&& ret=0
;;
(status)
_arguments "${_arguments_options[@]}" : \
'--history=[Also show what came of the last films, by the file that --history of an encode has written]:FILE:_files' \
'(--watch --json --history)--clean=[Remove jobs on which nobody has worked for AGE\: 7d]:AGE:_default' \
'(--json)--watch[Show it again every two seconds, with how busy the machine is; \`q\` quits, \`r\` looks at once]' \
'--json[Print one JSON object]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'*::dirs -- Directories below which films are encoded \[default\: the current one\]:_files' \
&& ret=0
;;
(history)
_arguments "${_arguments_options[@]}" : \
'--sample=[Name N finished films to look at, chosen by chance]:N:_default' \
'--seed=[Choose those of --sample that were chosen with this number]:NUMBER:_default' \
'(--json --sample)--html=[Write one page for a browser, which needs nothing else (\`-\`\: to standard output)]:PAGE:_files' \
'--json[Print the sums as one JSON object]' \
'-h[Print help]' \
'--help[Print help]' \
'*::files -- Files that `--history` has written:_files' \
&& ret=0
;;
(plan)
_arguments "${_arguments_options[@]}" : \
'-i+[The film to encode, as av1an has it]:INPUT:_files' \
'--input=[The film to encode, as av1an has it]:INPUT:_files' \
'-o+[The file to write, Matroska \[default\: ./<INPUT'\''s stem>.av1.mkv\]]:OUTPUT:_files' \
'--output=[The file to write, Matroska \[default\: ./<INPUT'\''s stem>.av1.mkv\]]:OUTPUT:_files' \
'--backup-dir=[Directory for the original \[default\: INPUT'\''s\]]:DIR:_files' \
'--keep-backup=[Remove originals kept there for longer than AGE\: 30d]:AGE:_default' \
'-e+[Encoder \[default\: auto\]]:NAME:((auto\:"The first that works\: SvtAv1EncApp, then ffmpeg'\''s libsvtav1, libaom, librav1e"
svt-av1\:"SvtAv1EncApp"
libsvtav1\:"SVT-AV1 through ffmpeg"
libaom\:"libaom through ffmpeg"
librav1e\:"rav1e through ffmpeg"
av1-qsv\:"An Intel GPU through ffmpeg"
auto-hw\:"An Intel GPU if there is one that works, else as auto"))' \
'--encoder=[Encoder \[default\: auto\]]:NAME:((auto\:"The first that works\: SvtAv1EncApp, then ffmpeg'\''s libsvtav1, libaom, librav1e"
svt-av1\:"SvtAv1EncApp"
libsvtav1\:"SVT-AV1 through ffmpeg"
libaom\:"libaom through ffmpeg"
librav1e\:"rav1e through ffmpeg"
av1-qsv\:"An Intel GPU through ffmpeg"
auto-hw\:"An Intel GPU if there is one that works, else as auto"))' \
'--crf=[Quality, lower is better and larger\: 0 to 63 \[default\: 28\]]:CRF:_default' \
'--preset=[Speed, lower is slower and better\: 0 to 13 \[default\: 6\]]:N:_default' \
'-v+[Options of the encoder by its own names; they win over every default]:OPTIONS:_default' \
'--video-params=[Options of the encoder by its own names; they win over every default]:OPTIONS:_default' \
'-a+[Sound, by options of ffmpeg \[default\: copied\]]:OPTIONS:_default' \
'--audio-params=[Sound, by options of ffmpeg \[default\: copied\]]:OPTIONS:_default' \
'(-a --audio-params)--audio-codec=[Sound, by its codec \[default\: copy\]]:CODEC:((copy\:"It is not"
opus\:"libopus"
aac\:"ffmpeg'\''s AAC"
flac\:"FLAC"))' \
'(-a --audio-params)--opus-if=[Sound that becomes Opus\: lossless, or '\''bitrate>256'\'']:WHICH:_default' \
'(-a --audio-params)--downmix=[Mix sound of more channels down]:LAYOUT:((stereo\:"Two channels"))' \
'(-a --audio-params)--loudness=[Loudness of all sound in LUFS, by EBU R128\: -23]:LUFS:_default' \
'*--languages=[Languages of sound and subtitles to keep\: eng,de,und]:LANGUAGES:_default' \
'*--drop-languages=[Languages of sound and subtitles to drop\: rus]:LANGUAGES:_default' \
'-f+[Colour tags for a source that has none, as ffmpeg'\''s options]:OPTIONS:_default' \
'--ffmpeg=[ffmpeg to use \[default\: the one in PATH\]]:PATH:_files' \
'--ffprobe=[ffprobe to use \[default\: the one in PATH\]]:PATH:_files' \
'--device=[Render node of the GPU, with -e av1-qsv \[default\: Intel'\''s first\]]:PATH:_files' \
'--pix-format=[Pixel format \[default\: yuv420p10le\]]:FORMAT:((auto\:"4\:2\:0 of the source'\''s depth\: 8 bit, or 10 for whatever has more"
yuv420p\:"8 bit 4\:2\:0"
yuv420p10le\:"10 bit 4\:2\:0"))' \
'--source-class=[Kind of source \[default\: off\]]:CLASS:((off\:"No class is looked for"
auto\:"By rate, sound, codec and name"
remux\:"A copy of a disc"
web\:"From the web, as it is sold there"
low\:"A rip of low quality"))' \
'--crf-table=[Table for crf and preset]:TABLE:((class\:"By class of source"
size\:"By size"
codec\:"By the source'\''s codec, and size"
quick\:"By size, for those in a hurry"))' \
'--tier=[For --crf-table size \[default\: high\]]:TIER:((high\:"As the table has it"
very-high\:"Slower"
archive\:"To keep\: better and slower"
fast\:"Faster"))' \
'--tables=[Tables to decide by \[default\: those of \`av1enc tables\`\]]:FILE:_files' \
'(--no-config)--config=[Settings file \[default\: ~/.config/av1enc/config.toml\]]:FILE:_files' \
'*--skip=[Films to leave as they are (exit code 4)]:RULES:((av1\:"It is AV1 already"
hevc-web\:"It is a clean film of the web, in HEVC or VP9"
small\:"It has fewer bytes than --min-bytes"
marked\:"FILM.av1skip is beside it"
copying\:"It is still being written"
dynamic-hdr\:"It has dynamic HDR, and --dynamic-hdr is refuse"
own\:"av1enc has made it, or has kept it as the original"
none\:"None of these"))' \
'--min-bytes=[Smallest film that --skip small lets through\: 2G, or table]:SIZE:_default' \
'--stable-secs=[Time without a change that --skip copying waits for \[default\: 0\]]:SECONDS:_default' \
'--dynamic-hdr=[HDR10+ and Dolby Vision \[default\: drop\]]:WHAT:((drop\:"The film is encoded without them"
refuse\:"The film is not encoded"))' \
'(--crf --no-chunks --sc-only)--target-size=[Size of the whole output\: 4G, 700M]:SIZE:_default' \
'(--min-saving --sc-only)--max-size-ratio=[Largest share of INPUT'\''s size for the output\: 0.90]:RATIO:_default' \
'(--sc-only)--min-saving=[The same by what the output must save\: 5%]:SHARE:_default' \
'(--sc-only)--test-clip=[Encode a hard stretch first, to be approved \[default\: 45s\]]::TIME:_default' \
'(--approved)--approve=[Who approves it\: a command, or auto\:VMAF>=93 (or XPSNR)]:CMD:_default' \
'--encoder-path=[SvtAv1EncApp to use \[default\: PATH'\''s, else that of ./setup\]]:PATH:_files' \
'-w+[Encoders to run at once \[default\: auto\]]:N:_default' \
'--workers=[Encoders to run at once \[default\: auto\]]:N:_default' \
'--lp=[Parallelism of each encoder \[default\: from cores and memory\]]:N:_default' \
'--memory-limit=[Memory for the whole run\: auto, none, or 12G \[default\: auto\]]:SIZE:_default' \
'--temp=[Directory for the job'\''s state \[default\: OUTPUT.av1enc\]]:DIR:_files' \
'--on-interrupt=[What the first Ctrl-C does \[default\: stop\]]:WHAT:((stop\:"Running encoders are stopped; their chunks are encoded again when the job goes on"
finish\:"Running chunks are finished first"))' \
'--stall-timeout=[After how long an encoder that gets nowhere is started again]:SECONDS:_default' \
'--disk-timeout=[How long to wait for room on a full disk \[default\: 600\]]:SECONDS:_default' \
'--nice=[How much av1enc makes way for other programs\: 0 to 19]:N:_default' \
'--ionice=[When it gets the disks\: idle, best-effort\:7]:CLASS:_default' \
'--cpus=[Processors to use\: 0-7,12]:LIST:_default' \
'--numa=[Nodes of memory]:HOW:((interleave\:"Memory is spread over all nodes"
node\:"Each encoder is kept on one node"))' \
'--battery=[Pause below this charge, in percent, on battery]:N:_default' \
'--max-temp=[Hottest that the processor may get\: 80]:DEGREES:_default' \
'--schedule=[When to work\: 22\:00-07\:00,sat,sun]:WHEN:_default' \
'--pause-while=[Pause while this command of the shell succeeds]:CMD:_default' \
'--on-change=[If size or transfer function change \[default\: stop\]]:WHAT:((stop\:"The film is refused, with the command that cuts it there"
keep\:"All pictures are scaled to the size of the first, and tagged as it is"))' \
'-x+[Longest chunk, 0\: as long as its scene \[default\: 240\]]:FRAMES:_default' \
'--extra-split=[Longest chunk, 0\: as long as its scene \[default\: 240\]]:FRAMES:_default' \
'-m+[Who reads the film \[default\: auto\]]:WHO:((auto\:"FFMS2 where it is right, else ffmpeg in order; short films in order at once"
ffms2\:"FFMS2 where it is right, else ffmpeg in order"
linear\:"ffmpeg, from beginning to end; needs no VapourSynth"))' \
'--chunk-method=[Who reads the film \[default\: auto\]]:WHO:((auto\:"FFMS2 where it is right, else ffmpeg in order; short films in order at once"
ffms2\:"FFMS2 where it is right, else ffmpeg in order"
linear\:"ffmpeg, from beginning to end; needs no VapourSynth"))' \
'-s+[av1an'\''s file of scenes\: read if it is there, else written]:FILE:_files' \
'--scenes=[av1an'\''s file of scenes\: read if it is there, else written]:FILE:_files' \
'--force-keyframes=[Frames at which a chunk begins in any case\: 240,1500]:FRAMES:_default' \
'-l+[Append what happens to this file, as --verbose prints it]:FILE:_files' \
'--log-file=[Append what happens to this file, as --verbose prints it]:FILE:_files' \
'--proof=[Write what was compared to FILE, as \`verify --json\` has it]:FILE:_files' \
'--history=[Append what came of the film to FILE, as one line of JSON]:FILE:_files' \
'(-q --quiet --json)--progress=[How progress is shown \[default\: auto\]]:HOW:((auto\:"A bar at a terminal, lines elsewhere"
bar\:"A bar, wherever it goes"
lines\:"A line for each stage, and for each twentieth of it"
none\:"Nothing\: notes, warnings and the result are still printed"))' \
'-y[Overwrite the output if it exists]' \
'(-o --output --sc-only)--replace[Have the output take INPUT'\''s place (see \`av1enc restore\`)]' \
'(--backup-dir)--no-backup[Keep no original]' \
'--drop-commentary[Drop commentary, by its flag or title]' \
'--no-config[Read no settings file]' \
'--force-reencode[Encode AV1 again, and HEVC or VP9 of the web]' \
'--why[Write into INPUT.why.txt why it was skipped or failed]' \
'--mark[Write INPUT.av1skip where the output was too large]' \
'--approved[Go on\: the clip of these settings is good]' \
'-k[Keep the job directory after success]' \
'--keep[Keep the job directory after success]' \
'--restart[Throw away what an earlier run has done, and begin anew]' \
'--shared[Let all of the job directory'\''s group go on with the job]' \
'--wait[If another run works on the job, wait for its end]' \
'--no-chunks[Encode the film in one go with ffmpeg'\''s libsvtav1]' \
'--allow-truncated[Encode what there is of a source that is cut short]' \
'--sc-only[Only find the scenes, and write them into --scenes]' \
'--verify-decode[Decode the whole output as well before it gets its name]' \
'--verify-source[Compare all pictures with the source'\''s before the output gets its name]' \
'--dry-run[Print the plan and do nothing]' \
'--json[Print progress and result as JSON lines on standard output]' \
'(--verbose --json)-q[Print nothing but errors]' \
'(--verbose --json)--quiet[Print nothing but errors]' \
'--verbose[Print what each chunk does]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'::input -- The film to encode:_files' \
&& ret=0
;;
(chunk)
_arguments "${_arguments_options[@]}" : \
'--chunks=[Chunks A to B, from 0; or only A]:A-B:_default' \
'--task=[The task with this number in the job'\''s tasks.json; \`auto\`\: the one that a scheduler'\''s environment names]:N|auto:_default' \
'(--source --pack)--packed=[A chunk that \`--pack\` has written, on a host that sees neither job nor source]:FILE:_files' \
'--task-offset=[Add this to the number of the task]:N:_default' \
'--source=[Where the source is on this host \[default\: where the plan has it\]]:PATH:_files' \
'-w+[Encoders at once \[default\: by processors and memory\]]:N:_default' \
'--workers=[Encoders at once \[default\: by processors and memory\]]:N:_default' \
'--memory-limit=[Memory to stay within, in bytes, or with K, M, G, T \[default\: what is available\]]:SIZE:_default' \
'--lease-timeout=[After so many seconds without a sign of life, a host that encodes a chunk counts as dead]:SECONDS:_default' \
'--any[Chunks that nobody encodes, until none is left]' \
'--pack[Write the frames of each chunk into one lossless file, and encode nothing]' \
'--shared[The group of the job directory works on it]' \
'--json[Print what happens as JSON lines]' \
'(--json)-q[Print only errors]' \
'(--json)--quiet[Print only errors]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'::job -- The job directory, as `av1enc plan` prints it:_files' \
&& ret=0
;;
(join)
_arguments "${_arguments_options[@]}" : \
'--source=[Where the source is on this host \[default\: where the plan has it\]]:PATH:_files' \
'--shared[The group of the job directory works on it]' \
'--json[Print what happens as JSON lines]' \
'(--json)-q[Print only errors]' \
'(--json)--quiet[Print only errors]' \
'-h[Print help]' \
'--help[Print help]' \
':job -- The job directory, as `av1enc plan` prints it:_files' \
&& ret=0
;;
(submit)
_arguments "${_arguments_options[@]}" : \
'--engine=[To whom]:NAME:((slurm\:"An array job of Slurm, and a job that joins"
parallel\:"A line for GNU parallel, over ssh"
kubernetes\:"The manifest of an indexed job of Kubernetes"))' \
'--array-limit=[Tasks at once, at most \[default\: the scheduler'\''s own limit\]]:N:_default' \
'--task-seconds=[Seconds of work that a task has at least, about]:SECONDS:_default' \
'--hosts=[Hosts for GNU parallel\: names separated by commas, or a file with one in each line]:HOSTS:_default' \
'--image=[The container'\''s image (Kubernetes)]:IMAGE:_default' \
'--claim=[The volume claim on which job and source are (Kubernetes)]:NAME:_default' \
'--program=[Where av1enc is on the hosts \[default\: where this one is\]]:PATH:_files' \
'--lease-timeout=[After so many seconds without a sign of life, a host that encodes a chunk counts as dead \[default\: 60\]]:SECONDS:_default' \
'--print[Only print what would be done]' \
'--packed[Chunks go to hosts that do not see the job as packed files (GNU parallel)]' \
'--shared[The group of the job directory works on it]' \
'--json[Print one JSON object]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
':job -- The job directory, as `av1enc plan` prints it:_files' \
'*::further -- Further options for the scheduler'\''s own command (sbatch, parallel):_default' \
&& ret=0
;;
(tables)
_arguments "${_arguments_options[@]}" : \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(completions)
_arguments "${_arguments_options[@]}" : \
'-h[Print help]' \
'--help[Print help]' \
':shell -- Which shell:(bash elvish fish powershell zsh)' \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
":: :_av1enc__subcmd__help_commands" \
"*::: :->help" \
&& ret=0

    case $state in
    (help)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:av1enc-help-command-$line[1]:"
        case $line[1] in
            (doctor)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(verify)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(restore)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(status)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(history)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(plan)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(chunk)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(join)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(submit)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(tables)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(completions)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
        esac
    ;;
esac
}

(( $+functions[_av1enc_commands] )) ||
_av1enc_commands() {
    local commands; commands=(
'doctor:Say what an encode lacks on this machine, and what to type' \
'verify:Compare a film with the one that it was made of' \
'restore:Put the original back that \`--replace\` has kept of a film' \
'status:Show what is encoded below a directory, and what was stopped' \
'history:Sum up what \`--history\` has written, as a table or a page' \
'plan:Make the job directory; to look only, \`--dry-run\`' \
'chunk:Encode chunks of a job that \`av1enc plan\` has made, on any host that sees it' \
'join:Join the chunks of a job, prove the film, and give it its name' \
'submit:Hand the chunks of a job to a scheduler\: Slurm, GNU parallel, Kubernetes' \
'tables:Print the built-in tables, for a file that --tables names' \
'completions:Print a completion script for a shell' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'av1enc commands' commands "$@"
}
(( $+functions[_av1enc__subcmd__chunk_commands] )) ||
_av1enc__subcmd__chunk_commands() {
    local commands; commands=()
    _describe -t commands 'av1enc chunk commands' commands "$@"
}
(( $+functions[_av1enc__subcmd__completions_commands] )) ||
_av1enc__subcmd__completions_commands() {
    local commands; commands=()
    _describe -t commands 'av1enc completions commands' commands "$@"
}
(( $+functions[_av1enc__subcmd__doctor_commands] )) ||
_av1enc__subcmd__doctor_commands() {
    local commands; commands=()
    _describe -t commands 'av1enc doctor commands' commands "$@"
}
(( $+functions[_av1enc__subcmd__help_commands] )) ||
_av1enc__subcmd__help_commands() {
    local commands; commands=(
'doctor:Say what an encode lacks on this machine, and what to type' \
'verify:Compare a film with the one that it was made of' \
'restore:Put the original back that \`--replace\` has kept of a film' \
'status:Show what is encoded below a directory, and what was stopped' \
'history:Sum up what \`--history\` has written, as a table or a page' \
'plan:Make the job directory; to look only, \`--dry-run\`' \
'chunk:Encode chunks of a job that \`av1enc plan\` has made, on any host that sees it' \
'join:Join the chunks of a job, prove the film, and give it its name' \
'submit:Hand the chunks of a job to a scheduler\: Slurm, GNU parallel, Kubernetes' \
'tables:Print the built-in tables, for a file that --tables names' \
'completions:Print a completion script for a shell' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'av1enc help commands' commands "$@"
}
(( $+functions[_av1enc__subcmd__help__subcmd__chunk_commands] )) ||
_av1enc__subcmd__help__subcmd__chunk_commands() {
    local commands; commands=()
    _describe -t commands 'av1enc help chunk commands' commands "$@"
}
(( $+functions[_av1enc__subcmd__help__subcmd__completions_commands] )) ||
_av1enc__subcmd__help__subcmd__completions_commands() {
    local commands; commands=()
    _describe -t commands 'av1enc help completions commands' commands "$@"
}
(( $+functions[_av1enc__subcmd__help__subcmd__doctor_commands] )) ||
_av1enc__subcmd__help__subcmd__doctor_commands() {
    local commands; commands=()
    _describe -t commands 'av1enc help doctor commands' commands "$@"
}
(( $+functions[_av1enc__subcmd__help__subcmd__help_commands] )) ||
_av1enc__subcmd__help__subcmd__help_commands() {
    local commands; commands=()
    _describe -t commands 'av1enc help help commands' commands "$@"
}
(( $+functions[_av1enc__subcmd__help__subcmd__history_commands] )) ||
_av1enc__subcmd__help__subcmd__history_commands() {
    local commands; commands=()
    _describe -t commands 'av1enc help history commands' commands "$@"
}
(( $+functions[_av1enc__subcmd__help__subcmd__join_commands] )) ||
_av1enc__subcmd__help__subcmd__join_commands() {
    local commands; commands=()
    _describe -t commands 'av1enc help join commands' commands "$@"
}
(( $+functions[_av1enc__subcmd__help__subcmd__plan_commands] )) ||
_av1enc__subcmd__help__subcmd__plan_commands() {
    local commands; commands=()
    _describe -t commands 'av1enc help plan commands' commands "$@"
}
(( $+functions[_av1enc__subcmd__help__subcmd__restore_commands] )) ||
_av1enc__subcmd__help__subcmd__restore_commands() {
    local commands; commands=()
    _describe -t commands 'av1enc help restore commands' commands "$@"
}
(( $+functions[_av1enc__subcmd__help__subcmd__status_commands] )) ||
_av1enc__subcmd__help__subcmd__status_commands() {
    local commands; commands=()
    _describe -t commands 'av1enc help status commands' commands "$@"
}
(( $+functions[_av1enc__subcmd__help__subcmd__submit_commands] )) ||
_av1enc__subcmd__help__subcmd__submit_commands() {
    local commands; commands=()
    _describe -t commands 'av1enc help submit commands' commands "$@"
}
(( $+functions[_av1enc__subcmd__help__subcmd__tables_commands] )) ||
_av1enc__subcmd__help__subcmd__tables_commands() {
    local commands; commands=()
    _describe -t commands 'av1enc help tables commands' commands "$@"
}
(( $+functions[_av1enc__subcmd__help__subcmd__verify_commands] )) ||
_av1enc__subcmd__help__subcmd__verify_commands() {
    local commands; commands=()
    _describe -t commands 'av1enc help verify commands' commands "$@"
}
(( $+functions[_av1enc__subcmd__history_commands] )) ||
_av1enc__subcmd__history_commands() {
    local commands; commands=()
    _describe -t commands 'av1enc history commands' commands "$@"
}
(( $+functions[_av1enc__subcmd__join_commands] )) ||
_av1enc__subcmd__join_commands() {
    local commands; commands=()
    _describe -t commands 'av1enc join commands' commands "$@"
}
(( $+functions[_av1enc__subcmd__plan_commands] )) ||
_av1enc__subcmd__plan_commands() {
    local commands; commands=()
    _describe -t commands 'av1enc plan commands' commands "$@"
}
(( $+functions[_av1enc__subcmd__restore_commands] )) ||
_av1enc__subcmd__restore_commands() {
    local commands; commands=()
    _describe -t commands 'av1enc restore commands' commands "$@"
}
(( $+functions[_av1enc__subcmd__status_commands] )) ||
_av1enc__subcmd__status_commands() {
    local commands; commands=()
    _describe -t commands 'av1enc status commands' commands "$@"
}
(( $+functions[_av1enc__subcmd__submit_commands] )) ||
_av1enc__subcmd__submit_commands() {
    local commands; commands=()
    _describe -t commands 'av1enc submit commands' commands "$@"
}
(( $+functions[_av1enc__subcmd__tables_commands] )) ||
_av1enc__subcmd__tables_commands() {
    local commands; commands=()
    _describe -t commands 'av1enc tables commands' commands "$@"
}
(( $+functions[_av1enc__subcmd__verify_commands] )) ||
_av1enc__subcmd__verify_commands() {
    local commands; commands=()
    _describe -t commands 'av1enc verify commands' commands "$@"
}

if [ "$funcstack[1]" = "_av1enc" ]; then
    _av1enc "$@"
else
    compdef _av1enc av1enc
fi
