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
'-i+[The film to encode (as av1an has it)]:INPUT:_files' \
'--input=[The film to encode (as av1an has it)]:INPUT:_files' \
'-o+[The file to write, Matroska \[default\: <INPUT'\''s stem>.av1.mkv in the current directory\]]:OUTPUT:_files' \
'--output=[The file to write, Matroska \[default\: <INPUT'\''s stem>.av1.mkv in the current directory\]]:OUTPUT:_files' \
'--backup-dir=[Directory for the original \[default\: INPUT'\''s\]]:DIR:_files' \
'--keep-backup=[Afterwards, remove originals that av1enc has kept there for longer than AGE, such as 30d]:AGE:_default' \
'-e+[Encoder]:ENCODER:((auto\:"The first that works\: SvtAv1EncApp, then ffmpeg'\''s libsvtav1, libaom, librav1e"
svt-av1\:"SvtAv1EncApp"
libsvtav1\:"SVT-AV1 through ffmpeg"
libaom\:"libaom through ffmpeg"
librav1e\:"rav1e through ffmpeg"
av1-qsv\:"An Intel GPU through ffmpeg"
auto-hw\:"An Intel GPU if there is one that works, else as auto"))' \
'--encoder=[Encoder]:ENCODER:((auto\:"The first that works\: SvtAv1EncApp, then ffmpeg'\''s libsvtav1, libaom, librav1e"
svt-av1\:"SvtAv1EncApp"
libsvtav1\:"SVT-AV1 through ffmpeg"
libaom\:"libaom through ffmpeg"
librav1e\:"rav1e through ffmpeg"
av1-qsv\:"An Intel GPU through ffmpeg"
auto-hw\:"An Intel GPU if there is one that works, else as auto"))' \
'--crf=[Constant rate factor, lower is better \[default\: 28\]]:CRF:_default' \
'--preset=[Encoder preset, lower is slower and better \[default\: 6\]]:N:_default' \
'-v+[Encoder options, as the encoder itself calls them; they win over every default]:OPTIONS:_default' \
'--video-params=[Encoder options, as the encoder itself calls them; they win over every default]:OPTIONS:_default' \
'-a+[Sound options, as ffmpeg takes them, for example "-c\:a libopus -b\:a 128k" \[default\: sound is copied\]]:OPTIONS:_default' \
'--audio-params=[Sound options, as ffmpeg takes them, for example "-c\:a libopus -b\:a 128k" \[default\: sound is copied\]]:OPTIONS:_default' \
'-f+[Colour tags for a source that has none\: -color_primaries, -color_trc, -colorspace, -color_range]:OPTIONS:_default' \
'--ffmpeg=[ffmpeg to use \[default\: the one in PATH\]. A value that begins with a dash is colour tags, as -f takes them]:PATH:_files' \
'--ffprobe=[ffprobe to use \[default\: the one in PATH\]]:PATH:_files' \
'--device=[Render node of the GPU that encodes, with -e av1-qsv \[default\: the first of Intel'\''s\]]:PATH:_files' \
'--pix-format=[Pixel format to encode]:PIX_FORMAT:((auto\:"4\:2\:0 of the source'\''s depth\: 8 bit, or 10 for whatever has more"
yuv420p\:"8 bit 4\:2\:0"
yuv420p10le\:"10 bit 4\:2\:0"))' \
'--source-class=[Kind of source, which decides about crf, preset and grain, and about films that are skipped]:CLASS:((off\:"Nobody asks"
auto\:"What rate, sound, codec and name say"
remux\:"As it is on a disc"
web\:"As it is sold on the web"
low\:"A rip of low quality"))' \
'--crf-table=[Table for crf and preset \[default\: class with --source-class, else none\]]:TABLE:((class\:"By class of source"
size\:"By size"
codec\:"By the source'\''s codec, and size"
quick\:"By size, for those in a hurry"))' \
'--tier=[Slower, better or faster than --crf-table size says]:TIER:((high\:"Nothing"
very-high\:"Slower"
archive\:"To keep\: better and slower"
fast\:"Faster"))' \
'--tables=[Tables to decide by, in place of those that \`av1enc tables\` prints]:FILE:_files' \
'(--no-config)--config=[Settings below those of this line \[default\: ~/.config/av1enc/config.toml, if it is there\]]:FILE:_files' \
'*--skip=[Films to leave as they are (exit code 4) \[default\: all of these with --source-class, else none\]]:RULES:((av1\:"It is AV1 already"
hevc-web\:"It is a clean film of the web, in HEVC or VP9"
small\:"It has fewer bytes than --min-bytes"
marked\:"FILM.av1skip is beside it"
copying\:"It is still being written"
dynamic-hdr\:"It has dynamic HDR, and --dynamic-hdr is refuse"
own\:"av1enc has made it, or has kept it as the original"
none\:"None of these"))' \
'--min-bytes=[Smallest film that --skip small lets through\: a size such as 2G, or "table", by size of picture]:SIZE:_default' \
'--stable-secs=[How long a film must not have changed, so that --skip copying lets it through]:SECONDS:_default' \
'--dynamic-hdr=[What is done with a film that has HDR10+ or Dolby Vision in its pictures]:WHAT:((drop\:"The film is encoded without them"
refuse\:"The film is not encoded"))' \
'--encoder-path=[SvtAv1EncApp to use \[default\: the one in PATH, else the one that ./setup installed\]]:PATH:_files' \
'-w+[Encoders to run at once, or "auto"]:N:_default' \
'--workers=[Encoders to run at once, or "auto"]:N:_default' \
'--lp=[Level of parallelism of each encoder \[default\: from cores and memory\]]:N:_default' \
'--memory-limit=[Memory that the whole run may take, for example 12G; "auto"\: what is free now, less a reserve; "none"\: memory is not looked at]:SIZE:_default' \
'--temp=[Directory for the job'\''s state \[default\: OUTPUT.av1enc\]]:DIR:_files' \
'--on-interrupt=[What the first Ctrl-C does\: stop the encoders, or let them finish their chunks. The second always stops]:ON_INTERRUPT:((stop\:"Running encoders are stopped; their chunks are encoded again when the job goes on"
finish\:"Running chunks are finished first"))' \
'--stall-timeout=[How long an encoder may make no progress before its chunk is tried again \[default\: from frame size and preset\]]:SECONDS:_default' \
'--disk-timeout=[How long to wait for room on a full disk before giving up \[default\: 600\]]:SECONDS:_default' \
'--on-change=[What is done where the picture'\''s size or its transfer function changes in the middle of the film]:ON_CHANGE:((stop\:"The film is refused, with the command that cuts it there"
keep\:"All pictures are scaled to the size of the first, and tagged as it is"))' \
'-x+[Longest chunk in frames; longer scenes are split at their best place. 0\: never \[default\: 240\]]:FRAMES:_default' \
'--extra-split=[Longest chunk in frames; longer scenes are split at their best place. 0\: never \[default\: 240\]]:FRAMES:_default' \
'--extra-split-sec=[The same in seconds; --extra-split wins]:SECONDS:_default' \
'--min-scene-len=[Shortest scene in frames]:FRAMES:_default' \
'-m+[Who reads the film\: FFMS2 by number, after its pictures were compared with what ffmpeg decodes, or ffmpeg from beginning to end, which needs no VapourSynth]:CHUNK_METHOD:((auto\:"FFMS2 where it is right, else ffmpeg in order; short films in order at once"
ffms2\:"FFMS2 where it is right, else ffmpeg in order"
linear\:"ffmpeg, from beginning to end; needs no VapourSynth"))' \
'--chunk-method=[Who reads the film\: FFMS2 by number, after its pictures were compared with what ffmpeg decodes, or ffmpeg from beginning to end, which needs no VapourSynth]:CHUNK_METHOD:((auto\:"FFMS2 where it is right, else ffmpeg in order; short films in order at once"
ffms2\:"FFMS2 where it is right, else ffmpeg in order"
linear\:"ffmpeg, from beginning to end; needs no VapourSynth"))' \
'--split-method=[Find scenes, or cut only where chunks would be too long]:SPLIT_METHOD:((av-scenechange\:"Where av-scenechange finds a cut"
none\:"Nowhere\: chunks are as long as --extra-split says"))' \
'--sc-method=[How scenes are found]:SC_METHOD:((standard\:"By what a picture costs that is predicted from the one before"
fast\:"By the difference between pixels\: it misses cuts"))' \
'--sc-downscale-height=[Height at which frames are looked at for scenes\: larger ones are halved until they are at most as high \[default\: 720\]]:LINES:_default' \
'-s+[av1an'\''s file of scenes (JSON)\: read if it is there, and written if it is not]:FILE:_files' \
'--scenes=[av1an'\''s file of scenes (JSON)\: read if it is there, and written if it is not]:FILE:_files' \
'--force-keyframes=[Frames at which a chunk begins in any case, for example 240,1500]:FRAMES:_default' \
'--chunk-order=[Which of the scenes that wait is encoded next]:CHUNK_ORDER:((long-to-short\:"The longest, since it would make everybody wait at the end"
short-to-long\:"The shortest"
sequential\:"The first"
random\:"Any"))' \
'--set-thread-affinity=[Processors that each encoder is kept on \[default\: the system chooses\]]:N:_default' \
'-l+[Write what happens into this file as well, as --verbose prints it; appended to what is there]:FILE:_files' \
'--log-file=[Write what happens into this file as well, as --verbose prints it; appended to what is there]:FILE:_files' \
'--proof=[Write what was compared of source and output to FILE as well, as \`av1enc verify --json\` has it, proven or not]:FILE:_files' \
'-y[Overwrite the output if it exists]' \
'(-o --output --sc-only)--replace[Have the output take the place of INPUT, which is kept as NAME.orig.EXT (see \`av1enc restore\`)]' \
'(--backup-dir)--no-backup[Keep no original]' \
'--no-config[Read no file of settings]' \
'--force-reencode[Encode films in AV1, and those of the web in HEVC or VP9, all the same]' \
'--why[Write into INPUT.why.txt why a film was skipped or failed; a success removes it]' \
'-k[Keep the job directory after success]' \
'--keep[Keep the job directory after success]' \
'--restart[Throw away what an earlier run of this job has done, and begin anew]' \
'--shared[Let all accounts of the job directory'\''s group work on the job, one after the other]' \
'--no-chunks[Encode the whole film in one go with ffmpeg'\''s libsvtav1, where VapourSynth or FFMS2 cannot be had]' \
'--allow-truncated[Encode what there is of a source that is cut short]' \
'--sc-only[Only find the scenes, and write them into the file that --scenes names]' \
'--no-defaults[Set no option of the encoder beside those in --video-params, --crf and --preset, which must then be named]' \
'--verify-decode[Decode the whole output as well before it gets its name]' \
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
'-i+[The film to encode (as av1an has it)]:INPUT:_files' \
'--input=[The film to encode (as av1an has it)]:INPUT:_files' \
'-o+[The file to write, Matroska \[default\: <INPUT'\''s stem>.av1.mkv in the current directory\]]:OUTPUT:_files' \
'--output=[The file to write, Matroska \[default\: <INPUT'\''s stem>.av1.mkv in the current directory\]]:OUTPUT:_files' \
'--backup-dir=[Directory for the original \[default\: INPUT'\''s\]]:DIR:_files' \
'--keep-backup=[Afterwards, remove originals that av1enc has kept there for longer than AGE, such as 30d]:AGE:_default' \
'-e+[Encoder]:ENCODER:((auto\:"The first that works\: SvtAv1EncApp, then ffmpeg'\''s libsvtav1, libaom, librav1e"
svt-av1\:"SvtAv1EncApp"
libsvtav1\:"SVT-AV1 through ffmpeg"
libaom\:"libaom through ffmpeg"
librav1e\:"rav1e through ffmpeg"
av1-qsv\:"An Intel GPU through ffmpeg"
auto-hw\:"An Intel GPU if there is one that works, else as auto"))' \
'--encoder=[Encoder]:ENCODER:((auto\:"The first that works\: SvtAv1EncApp, then ffmpeg'\''s libsvtav1, libaom, librav1e"
svt-av1\:"SvtAv1EncApp"
libsvtav1\:"SVT-AV1 through ffmpeg"
libaom\:"libaom through ffmpeg"
librav1e\:"rav1e through ffmpeg"
av1-qsv\:"An Intel GPU through ffmpeg"
auto-hw\:"An Intel GPU if there is one that works, else as auto"))' \
'--crf=[Constant rate factor, lower is better \[default\: 28\]]:CRF:_default' \
'--preset=[Encoder preset, lower is slower and better \[default\: 6\]]:N:_default' \
'-v+[Encoder options, as the encoder itself calls them; they win over every default]:OPTIONS:_default' \
'--video-params=[Encoder options, as the encoder itself calls them; they win over every default]:OPTIONS:_default' \
'-a+[Sound options, as ffmpeg takes them, for example "-c\:a libopus -b\:a 128k" \[default\: sound is copied\]]:OPTIONS:_default' \
'--audio-params=[Sound options, as ffmpeg takes them, for example "-c\:a libopus -b\:a 128k" \[default\: sound is copied\]]:OPTIONS:_default' \
'-f+[Colour tags for a source that has none\: -color_primaries, -color_trc, -colorspace, -color_range]:OPTIONS:_default' \
'--ffmpeg=[ffmpeg to use \[default\: the one in PATH\]. A value that begins with a dash is colour tags, as -f takes them]:PATH:_files' \
'--ffprobe=[ffprobe to use \[default\: the one in PATH\]]:PATH:_files' \
'--device=[Render node of the GPU that encodes, with -e av1-qsv \[default\: the first of Intel'\''s\]]:PATH:_files' \
'--pix-format=[Pixel format to encode]:PIX_FORMAT:((auto\:"4\:2\:0 of the source'\''s depth\: 8 bit, or 10 for whatever has more"
yuv420p\:"8 bit 4\:2\:0"
yuv420p10le\:"10 bit 4\:2\:0"))' \
'--source-class=[Kind of source, which decides about crf, preset and grain, and about films that are skipped]:CLASS:((off\:"Nobody asks"
auto\:"What rate, sound, codec and name say"
remux\:"As it is on a disc"
web\:"As it is sold on the web"
low\:"A rip of low quality"))' \
'--crf-table=[Table for crf and preset \[default\: class with --source-class, else none\]]:TABLE:((class\:"By class of source"
size\:"By size"
codec\:"By the source'\''s codec, and size"
quick\:"By size, for those in a hurry"))' \
'--tier=[Slower, better or faster than --crf-table size says]:TIER:((high\:"Nothing"
very-high\:"Slower"
archive\:"To keep\: better and slower"
fast\:"Faster"))' \
'--tables=[Tables to decide by, in place of those that \`av1enc tables\` prints]:FILE:_files' \
'(--no-config)--config=[Settings below those of this line \[default\: ~/.config/av1enc/config.toml, if it is there\]]:FILE:_files' \
'*--skip=[Films to leave as they are (exit code 4) \[default\: all of these with --source-class, else none\]]:RULES:((av1\:"It is AV1 already"
hevc-web\:"It is a clean film of the web, in HEVC or VP9"
small\:"It has fewer bytes than --min-bytes"
marked\:"FILM.av1skip is beside it"
copying\:"It is still being written"
dynamic-hdr\:"It has dynamic HDR, and --dynamic-hdr is refuse"
own\:"av1enc has made it, or has kept it as the original"
none\:"None of these"))' \
'--min-bytes=[Smallest film that --skip small lets through\: a size such as 2G, or "table", by size of picture]:SIZE:_default' \
'--stable-secs=[How long a film must not have changed, so that --skip copying lets it through]:SECONDS:_default' \
'--dynamic-hdr=[What is done with a film that has HDR10+ or Dolby Vision in its pictures]:WHAT:((drop\:"The film is encoded without them"
refuse\:"The film is not encoded"))' \
'--encoder-path=[SvtAv1EncApp to use \[default\: the one in PATH, else the one that ./setup installed\]]:PATH:_files' \
'-w+[Encoders to run at once, or "auto"]:N:_default' \
'--workers=[Encoders to run at once, or "auto"]:N:_default' \
'--lp=[Level of parallelism of each encoder \[default\: from cores and memory\]]:N:_default' \
'--memory-limit=[Memory that the whole run may take, for example 12G; "auto"\: what is free now, less a reserve; "none"\: memory is not looked at]:SIZE:_default' \
'--temp=[Directory for the job'\''s state \[default\: OUTPUT.av1enc\]]:DIR:_files' \
'--on-interrupt=[What the first Ctrl-C does\: stop the encoders, or let them finish their chunks. The second always stops]:ON_INTERRUPT:((stop\:"Running encoders are stopped; their chunks are encoded again when the job goes on"
finish\:"Running chunks are finished first"))' \
'--stall-timeout=[How long an encoder may make no progress before its chunk is tried again \[default\: from frame size and preset\]]:SECONDS:_default' \
'--disk-timeout=[How long to wait for room on a full disk before giving up \[default\: 600\]]:SECONDS:_default' \
'--on-change=[What is done where the picture'\''s size or its transfer function changes in the middle of the film]:ON_CHANGE:((stop\:"The film is refused, with the command that cuts it there"
keep\:"All pictures are scaled to the size of the first, and tagged as it is"))' \
'-x+[Longest chunk in frames; longer scenes are split at their best place. 0\: never \[default\: 240\]]:FRAMES:_default' \
'--extra-split=[Longest chunk in frames; longer scenes are split at their best place. 0\: never \[default\: 240\]]:FRAMES:_default' \
'--extra-split-sec=[The same in seconds; --extra-split wins]:SECONDS:_default' \
'--min-scene-len=[Shortest scene in frames]:FRAMES:_default' \
'-m+[Who reads the film\: FFMS2 by number, after its pictures were compared with what ffmpeg decodes, or ffmpeg from beginning to end, which needs no VapourSynth]:CHUNK_METHOD:((auto\:"FFMS2 where it is right, else ffmpeg in order; short films in order at once"
ffms2\:"FFMS2 where it is right, else ffmpeg in order"
linear\:"ffmpeg, from beginning to end; needs no VapourSynth"))' \
'--chunk-method=[Who reads the film\: FFMS2 by number, after its pictures were compared with what ffmpeg decodes, or ffmpeg from beginning to end, which needs no VapourSynth]:CHUNK_METHOD:((auto\:"FFMS2 where it is right, else ffmpeg in order; short films in order at once"
ffms2\:"FFMS2 where it is right, else ffmpeg in order"
linear\:"ffmpeg, from beginning to end; needs no VapourSynth"))' \
'--split-method=[Find scenes, or cut only where chunks would be too long]:SPLIT_METHOD:((av-scenechange\:"Where av-scenechange finds a cut"
none\:"Nowhere\: chunks are as long as --extra-split says"))' \
'--sc-method=[How scenes are found]:SC_METHOD:((standard\:"By what a picture costs that is predicted from the one before"
fast\:"By the difference between pixels\: it misses cuts"))' \
'--sc-downscale-height=[Height at which frames are looked at for scenes\: larger ones are halved until they are at most as high \[default\: 720\]]:LINES:_default' \
'-s+[av1an'\''s file of scenes (JSON)\: read if it is there, and written if it is not]:FILE:_files' \
'--scenes=[av1an'\''s file of scenes (JSON)\: read if it is there, and written if it is not]:FILE:_files' \
'--force-keyframes=[Frames at which a chunk begins in any case, for example 240,1500]:FRAMES:_default' \
'--chunk-order=[Which of the scenes that wait is encoded next]:CHUNK_ORDER:((long-to-short\:"The longest, since it would make everybody wait at the end"
short-to-long\:"The shortest"
sequential\:"The first"
random\:"Any"))' \
'--set-thread-affinity=[Processors that each encoder is kept on \[default\: the system chooses\]]:N:_default' \
'-l+[Write what happens into this file as well, as --verbose prints it; appended to what is there]:FILE:_files' \
'--log-file=[Write what happens into this file as well, as --verbose prints it; appended to what is there]:FILE:_files' \
'--proof=[Write what was compared of source and output to FILE as well, as \`av1enc verify --json\` has it, proven or not]:FILE:_files' \
'-y[Overwrite the output if it exists]' \
'(-o --output --sc-only)--replace[Have the output take the place of INPUT, which is kept as NAME.orig.EXT (see \`av1enc restore\`)]' \
'(--backup-dir)--no-backup[Keep no original]' \
'--no-config[Read no file of settings]' \
'--force-reencode[Encode films in AV1, and those of the web in HEVC or VP9, all the same]' \
'--why[Write into INPUT.why.txt why a film was skipped or failed; a success removes it]' \
'-k[Keep the job directory after success]' \
'--keep[Keep the job directory after success]' \
'--restart[Throw away what an earlier run of this job has done, and begin anew]' \
'--shared[Let all accounts of the job directory'\''s group work on the job, one after the other]' \
'--no-chunks[Encode the whole film in one go with ffmpeg'\''s libsvtav1, where VapourSynth or FFMS2 cannot be had]' \
'--allow-truncated[Encode what there is of a source that is cut short]' \
'--sc-only[Only find the scenes, and write them into the file that --scenes names]' \
'--no-defaults[Set no option of the encoder beside those in --video-params, --crf and --preset, which must then be named]' \
'--verify-decode[Decode the whole output as well before it gets its name]' \
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
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
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
(try-vapoursynth)
_arguments "${_arguments_options[@]}" : \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(man)
_arguments "${_arguments_options[@]}" : \
'-h[Print help]' \
'--help[Print help]' \
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
(tables)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(completions)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(try-vapoursynth)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(man)
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
'doctor:Check that everything an encode needs is here, and say what to type where it is not' \
'verify:Compare a film with the one that it was made of, whoever made it\: pictures, sound, everything else' \
'restore:Put the original back that \`--replace\` has kept of a film' \
'tables:Print the built-in tables, for a file that --tables names' \
'completions:Print a completion script for a shell' \
'try-vapoursynth:Load VapourSynth, and print what came of it\: av1enc runs this itself, since a broken library takes its process down' \
'man:Print the manual page (roff)' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'av1enc commands' commands "$@"
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
'doctor:Check that everything an encode needs is here, and say what to type where it is not' \
'verify:Compare a film with the one that it was made of, whoever made it\: pictures, sound, everything else' \
'restore:Put the original back that \`--replace\` has kept of a film' \
'tables:Print the built-in tables, for a file that --tables names' \
'completions:Print a completion script for a shell' \
'try-vapoursynth:Load VapourSynth, and print what came of it\: av1enc runs this itself, since a broken library takes its process down' \
'man:Print the manual page (roff)' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'av1enc help commands' commands "$@"
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
(( $+functions[_av1enc__subcmd__help__subcmd__man_commands] )) ||
_av1enc__subcmd__help__subcmd__man_commands() {
    local commands; commands=()
    _describe -t commands 'av1enc help man commands' commands "$@"
}
(( $+functions[_av1enc__subcmd__help__subcmd__restore_commands] )) ||
_av1enc__subcmd__help__subcmd__restore_commands() {
    local commands; commands=()
    _describe -t commands 'av1enc help restore commands' commands "$@"
}
(( $+functions[_av1enc__subcmd__help__subcmd__tables_commands] )) ||
_av1enc__subcmd__help__subcmd__tables_commands() {
    local commands; commands=()
    _describe -t commands 'av1enc help tables commands' commands "$@"
}
(( $+functions[_av1enc__subcmd__help__subcmd__try-vapoursynth_commands] )) ||
_av1enc__subcmd__help__subcmd__try-vapoursynth_commands() {
    local commands; commands=()
    _describe -t commands 'av1enc help try-vapoursynth commands' commands "$@"
}
(( $+functions[_av1enc__subcmd__help__subcmd__verify_commands] )) ||
_av1enc__subcmd__help__subcmd__verify_commands() {
    local commands; commands=()
    _describe -t commands 'av1enc help verify commands' commands "$@"
}
(( $+functions[_av1enc__subcmd__man_commands] )) ||
_av1enc__subcmd__man_commands() {
    local commands; commands=()
    _describe -t commands 'av1enc man commands' commands "$@"
}
(( $+functions[_av1enc__subcmd__restore_commands] )) ||
_av1enc__subcmd__restore_commands() {
    local commands; commands=()
    _describe -t commands 'av1enc restore commands' commands "$@"
}
(( $+functions[_av1enc__subcmd__tables_commands] )) ||
_av1enc__subcmd__tables_commands() {
    local commands; commands=()
    _describe -t commands 'av1enc tables commands' commands "$@"
}
(( $+functions[_av1enc__subcmd__try-vapoursynth_commands] )) ||
_av1enc__subcmd__try-vapoursynth_commands() {
    local commands; commands=()
    _describe -t commands 'av1enc try-vapoursynth commands' commands "$@"
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
