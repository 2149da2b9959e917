# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_av1enc_global_optspecs
    string join \n i/input= o/output= y replace backup-dir= no-backup keep-backup= e/encoder= crf= preset= v/video-params= a/audio-params= audio-codec= opus-if= downmix= loudness= languages= drop-languages= drop-commentary f= ffmpeg= ffprobe= device= pix-format= source-class= crf-table= tier= tables= config= no-config skip= force-reencode min-bytes= stable-secs= dynamic-hdr= why target-size= max-size-ratio= min-saving= mark test-clip= approve= approved encoder-path= w/workers= lp= memory-limit= temp= k/keep restart shared wait on-interrupt= stall-timeout= disk-timeout= nice= ionice= cpus= numa= battery= max-temp= schedule= pause-while= no-chunks allow-truncated on-change= x/extra-split= m/chunk-method= s/scenes= sc-only force-keyframes= l/log-file= verify-decode verify-source proof= history= dry-run progress= json q/quiet verbose h/help V/version
end

function __fish_av1enc_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_av1enc_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_av1enc_using_subcommand
    set -l cmd (__fish_av1enc_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c av1enc -n "__fish_av1enc_needs_command" -s i -l input -d 'The film to encode, as av1an has it' -r -F
complete -c av1enc -n "__fish_av1enc_needs_command" -s o -l output -d 'The file to write, Matroska [default: ./<INPUT\'s stem>.av1.mkv]' -r -F
complete -c av1enc -n "__fish_av1enc_needs_command" -l backup-dir -d 'Directory for the original [default: INPUT\'s]' -r -F
complete -c av1enc -n "__fish_av1enc_needs_command" -l keep-backup -d 'Remove originals kept there for longer than AGE: 30d' -r
complete -c av1enc -n "__fish_av1enc_needs_command" -s e -l encoder -d 'Encoder [default: auto]' -r -f -a "auto\t'The first that works: SvtAv1EncApp, then ffmpeg\'s libsvtav1, libaom, librav1e'
svt-av1\t'SvtAv1EncApp'
libsvtav1\t'SVT-AV1 through ffmpeg'
libaom\t'libaom through ffmpeg'
librav1e\t'rav1e through ffmpeg'
av1-qsv\t'An Intel GPU through ffmpeg'
auto-hw\t'An Intel GPU if there is one that works, else as auto'"
complete -c av1enc -n "__fish_av1enc_needs_command" -l crf -d 'Quality, lower is better and larger: 0 to 63 [default: 28]' -r
complete -c av1enc -n "__fish_av1enc_needs_command" -l preset -d 'Speed, lower is slower and better: 0 to 13 [default: 6]' -r
complete -c av1enc -n "__fish_av1enc_needs_command" -s v -l video-params -d 'Options of the encoder by its own names; they win over every default' -r
complete -c av1enc -n "__fish_av1enc_needs_command" -s a -l audio-params -d 'Sound, by options of ffmpeg [default: copied]' -r
complete -c av1enc -n "__fish_av1enc_needs_command" -l audio-codec -d 'Sound, by its codec [default: copy]' -r -f -a "copy\t'It is not'
opus\t'libopus'
aac\t'ffmpeg\'s AAC'
flac\t'FLAC'"
complete -c av1enc -n "__fish_av1enc_needs_command" -l opus-if -d 'Sound that becomes Opus: lossless, or \'bitrate>256\'' -r
complete -c av1enc -n "__fish_av1enc_needs_command" -l downmix -d 'Mix sound of more channels down' -r -f -a "stereo\t'Two channels'"
complete -c av1enc -n "__fish_av1enc_needs_command" -l loudness -d 'Loudness of all sound in LUFS, by EBU R128: -23' -r
complete -c av1enc -n "__fish_av1enc_needs_command" -l languages -d 'Languages of sound and subtitles to keep: eng,de,und' -r
complete -c av1enc -n "__fish_av1enc_needs_command" -l drop-languages -d 'Languages of sound and subtitles to drop: rus' -r
complete -c av1enc -n "__fish_av1enc_needs_command" -s f -d 'Colour tags for a source that has none, as ffmpeg\'s options' -r
complete -c av1enc -n "__fish_av1enc_needs_command" -l ffmpeg -d 'ffmpeg to use [default: the one in PATH]' -r -F
complete -c av1enc -n "__fish_av1enc_needs_command" -l ffprobe -d 'ffprobe to use [default: the one in PATH]' -r -F
complete -c av1enc -n "__fish_av1enc_needs_command" -l device -d 'Render node of the GPU, with -e av1-qsv [default: Intel\'s first]' -r -F
complete -c av1enc -n "__fish_av1enc_needs_command" -l pix-format -d 'Pixel format [default: yuv420p10le]' -r -f -a "auto\t'4:2:0 of the source\'s depth: 8 bit, or 10 for whatever has more'
yuv420p\t'8 bit 4:2:0'
yuv420p10le\t'10 bit 4:2:0'"
complete -c av1enc -n "__fish_av1enc_needs_command" -l source-class -d 'Kind of source [default: off]' -r -f -a "off\t'No class is looked for'
auto\t'By rate, sound, codec and name'
remux\t'A copy of a disc'
web\t'From the web, as it is sold there'
low\t'A rip of low quality'"
complete -c av1enc -n "__fish_av1enc_needs_command" -l crf-table -d 'Table for crf and preset' -r -f -a "class\t'By class of source'
size\t'By size'
codec\t'By the source\'s codec, and size'
quick\t'By size, for those in a hurry'"
complete -c av1enc -n "__fish_av1enc_needs_command" -l tier -d 'For --crf-table size [default: high]' -r -f -a "high\t'As the table has it'
very-high\t'Slower'
archive\t'To keep: better and slower'
fast\t'Faster'"
complete -c av1enc -n "__fish_av1enc_needs_command" -l tables -d 'Tables to decide by [default: those of `av1enc tables`]' -r -F
complete -c av1enc -n "__fish_av1enc_needs_command" -l config -d 'Settings file [default: ~/.config/av1enc/config.toml]' -r -F
complete -c av1enc -n "__fish_av1enc_needs_command" -l skip -d 'Films to leave as they are (exit code 4)' -r -f -a "av1\t'It is AV1 already'
hevc-web\t'It is a clean film of the web, in HEVC or VP9'
small\t'It has fewer bytes than --min-bytes'
marked\t'FILM.av1skip is beside it'
copying\t'It is still being written'
dynamic-hdr\t'It has dynamic HDR, and --dynamic-hdr is refuse'
own\t'av1enc has made it, or has kept it as the original'
none\t'None of these'"
complete -c av1enc -n "__fish_av1enc_needs_command" -l min-bytes -d 'Smallest film that --skip small lets through: 2G, or table' -r
complete -c av1enc -n "__fish_av1enc_needs_command" -l stable-secs -d 'Time without a change that --skip copying waits for [default: 0]' -r
complete -c av1enc -n "__fish_av1enc_needs_command" -l dynamic-hdr -d 'HDR10+ and Dolby Vision [default: drop]' -r -f -a "drop\t'The film is encoded without them'
refuse\t'The film is not encoded'"
complete -c av1enc -n "__fish_av1enc_needs_command" -l target-size -d 'Size of the whole output: 4G, 700M' -r
complete -c av1enc -n "__fish_av1enc_needs_command" -l max-size-ratio -d 'Largest share of INPUT\'s size for the output: 0.90' -r
complete -c av1enc -n "__fish_av1enc_needs_command" -l min-saving -d 'The same by what the output must save: 5%' -r
complete -c av1enc -n "__fish_av1enc_needs_command" -l test-clip -d 'Encode a hard stretch first, to be approved [default: 45s]' -r
complete -c av1enc -n "__fish_av1enc_needs_command" -l approve -d 'Who approves it: a command, or auto:VMAF>=93 (or XPSNR)' -r
complete -c av1enc -n "__fish_av1enc_needs_command" -l encoder-path -d 'SvtAv1EncApp to use [default: PATH\'s, else that of ./setup]' -r -F
complete -c av1enc -n "__fish_av1enc_needs_command" -s w -l workers -d 'Encoders to run at once [default: auto]' -r
complete -c av1enc -n "__fish_av1enc_needs_command" -l lp -d 'Parallelism of each encoder [default: from cores and memory]' -r
complete -c av1enc -n "__fish_av1enc_needs_command" -l memory-limit -d 'Memory for the whole run: auto, none, or 12G [default: auto]' -r
complete -c av1enc -n "__fish_av1enc_needs_command" -l temp -d 'Directory for the job\'s state [default: OUTPUT.av1enc]' -r -F
complete -c av1enc -n "__fish_av1enc_needs_command" -l on-interrupt -d 'What the first Ctrl-C does [default: stop]' -r -f -a "stop\t'Running encoders are stopped; their chunks are encoded again when the job goes on'
finish\t'Running chunks are finished first'"
complete -c av1enc -n "__fish_av1enc_needs_command" -l stall-timeout -d 'After how long an encoder that gets nowhere is started again' -r
complete -c av1enc -n "__fish_av1enc_needs_command" -l disk-timeout -d 'How long to wait for room on a full disk [default: 600]' -r
complete -c av1enc -n "__fish_av1enc_needs_command" -l nice -d 'How much av1enc makes way for other programs: 0 to 19' -r
complete -c av1enc -n "__fish_av1enc_needs_command" -l ionice -d 'When it gets the disks: idle, best-effort:7' -r
complete -c av1enc -n "__fish_av1enc_needs_command" -l cpus -d 'Processors to use: 0-7,12' -r
complete -c av1enc -n "__fish_av1enc_needs_command" -l numa -d 'Nodes of memory' -r -f -a "interleave\t'Memory is spread over all nodes'
node\t'Each encoder is kept on one node'"
complete -c av1enc -n "__fish_av1enc_needs_command" -l battery -d 'Pause below this charge, in percent, on battery' -r
complete -c av1enc -n "__fish_av1enc_needs_command" -l max-temp -d 'Hottest that the processor may get: 80' -r
complete -c av1enc -n "__fish_av1enc_needs_command" -l schedule -d 'When to work: 22:00-07:00,sat,sun' -r
complete -c av1enc -n "__fish_av1enc_needs_command" -l pause-while -d 'Pause while this command of the shell succeeds' -r
complete -c av1enc -n "__fish_av1enc_needs_command" -l on-change -d 'If size or transfer function change [default: stop]' -r -f -a "stop\t'The film is refused, with the command that cuts it there'
keep\t'All pictures are scaled to the size of the first, and tagged as it is'"
complete -c av1enc -n "__fish_av1enc_needs_command" -s x -l extra-split -d 'Longest chunk, 0: as long as its scene [default: 240]' -r
complete -c av1enc -n "__fish_av1enc_needs_command" -s m -l chunk-method -d 'Who reads the film [default: auto]' -r -f -a "auto\t'FFMS2 where it is right, else ffmpeg in order; short films in order at once'
ffms2\t'FFMS2 where it is right, else ffmpeg in order'
linear\t'ffmpeg, from beginning to end; needs no VapourSynth'"
complete -c av1enc -n "__fish_av1enc_needs_command" -s s -l scenes -d 'av1an\'s file of scenes: read if it is there, else written' -r -F
complete -c av1enc -n "__fish_av1enc_needs_command" -l force-keyframes -d 'Frames at which a chunk begins in any case: 240,1500' -r
complete -c av1enc -n "__fish_av1enc_needs_command" -s l -l log-file -d 'Append what happens to this file, as --verbose prints it' -r -F
complete -c av1enc -n "__fish_av1enc_needs_command" -l proof -d 'Write what was compared to FILE, as `verify --json` has it' -r -F
complete -c av1enc -n "__fish_av1enc_needs_command" -l history -d 'Append what came of the film to FILE, as one line of JSON' -r -F
complete -c av1enc -n "__fish_av1enc_needs_command" -l progress -d 'How progress is shown [default: auto]' -r -f -a "auto\t'A bar at a terminal, lines elsewhere'
bar\t'A bar, wherever it goes'
lines\t'A line for each stage, and for each twentieth of it'
none\t'Nothing: notes, warnings and the result are still printed'"
complete -c av1enc -n "__fish_av1enc_needs_command" -s y -d 'Overwrite the output if it exists'
complete -c av1enc -n "__fish_av1enc_needs_command" -l replace -d 'Have the output take INPUT\'s place (see `av1enc restore`)'
complete -c av1enc -n "__fish_av1enc_needs_command" -l no-backup -d 'Keep no original'
complete -c av1enc -n "__fish_av1enc_needs_command" -l drop-commentary -d 'Drop commentary, by its flag or title'
complete -c av1enc -n "__fish_av1enc_needs_command" -l no-config -d 'Read no settings file'
complete -c av1enc -n "__fish_av1enc_needs_command" -l force-reencode -d 'Encode AV1 again, and HEVC or VP9 of the web'
complete -c av1enc -n "__fish_av1enc_needs_command" -l why -d 'Write into INPUT.why.txt why it was skipped or failed'
complete -c av1enc -n "__fish_av1enc_needs_command" -l mark -d 'Write INPUT.av1skip where the output was too large'
complete -c av1enc -n "__fish_av1enc_needs_command" -l approved -d 'Go on: the clip of these settings is good'
complete -c av1enc -n "__fish_av1enc_needs_command" -s k -l keep -d 'Keep the job directory after success'
complete -c av1enc -n "__fish_av1enc_needs_command" -l restart -d 'Throw away what an earlier run has done, and begin anew'
complete -c av1enc -n "__fish_av1enc_needs_command" -l shared -d 'Let all of the job directory\'s group go on with the job'
complete -c av1enc -n "__fish_av1enc_needs_command" -l wait -d 'If another run works on the job, wait for its end'
complete -c av1enc -n "__fish_av1enc_needs_command" -l no-chunks -d 'Encode the film in one go with ffmpeg\'s libsvtav1'
complete -c av1enc -n "__fish_av1enc_needs_command" -l allow-truncated -d 'Encode what there is of a source that is cut short'
complete -c av1enc -n "__fish_av1enc_needs_command" -l sc-only -d 'Only find the scenes, and write them into --scenes'
complete -c av1enc -n "__fish_av1enc_needs_command" -l verify-decode -d 'Decode the whole output as well before it gets its name'
complete -c av1enc -n "__fish_av1enc_needs_command" -l verify-source -d 'Compare all pictures with the source\'s before the output gets its name'
complete -c av1enc -n "__fish_av1enc_needs_command" -l dry-run -d 'Print the plan and do nothing'
complete -c av1enc -n "__fish_av1enc_needs_command" -l json -d 'Print progress and result as JSON lines on standard output'
complete -c av1enc -n "__fish_av1enc_needs_command" -s q -l quiet -d 'Print nothing but errors'
complete -c av1enc -n "__fish_av1enc_needs_command" -l verbose -d 'Print what each chunk does'
complete -c av1enc -n "__fish_av1enc_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c av1enc -n "__fish_av1enc_needs_command" -s V -l version -d 'Print version'
complete -c av1enc -n "__fish_av1enc_needs_command" -a "doctor" -d 'Say what an encode lacks on this machine, and what to type'
complete -c av1enc -n "__fish_av1enc_needs_command" -a "verify" -d 'Compare a film with the one that it was made of'
complete -c av1enc -n "__fish_av1enc_needs_command" -a "restore" -d 'Put the original back that `--replace` has kept of a film'
complete -c av1enc -n "__fish_av1enc_needs_command" -a "status" -d 'Show what is encoded below a directory, and what was stopped'
complete -c av1enc -n "__fish_av1enc_needs_command" -a "history" -d 'Sum up what `--history` has written, as a table or a page'
complete -c av1enc -n "__fish_av1enc_needs_command" -a "plan" -d 'Make the job directory; to look only, `--dry-run`'
complete -c av1enc -n "__fish_av1enc_needs_command" -a "chunk" -d 'Encode chunks of a job that `av1enc plan` has made, on any host that sees it'
complete -c av1enc -n "__fish_av1enc_needs_command" -a "join" -d 'Join the chunks of a job, prove the film, and give it its name'
complete -c av1enc -n "__fish_av1enc_needs_command" -a "submit" -d 'Hand the chunks of a job to a scheduler: Slurm, GNU parallel, Kubernetes'
complete -c av1enc -n "__fish_av1enc_needs_command" -a "tables" -d 'Print the built-in tables, for a file that --tables names'
complete -c av1enc -n "__fish_av1enc_needs_command" -a "completions" -d 'Print a completion script for a shell'
complete -c av1enc -n "__fish_av1enc_needs_command" -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -s i -l input -d 'The film to encode, as av1an has it' -r -F
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -s o -l output -d 'The file to write, Matroska [default: ./<INPUT\'s stem>.av1.mkv]' -r -F
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -l backup-dir -d 'Directory for the original [default: INPUT\'s]' -r -F
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -l keep-backup -d 'Remove originals kept there for longer than AGE: 30d' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -s e -l encoder -d 'Encoder [default: auto]' -r -f -a "auto\t'The first that works: SvtAv1EncApp, then ffmpeg\'s libsvtav1, libaom, librav1e'
svt-av1\t'SvtAv1EncApp'
libsvtav1\t'SVT-AV1 through ffmpeg'
libaom\t'libaom through ffmpeg'
librav1e\t'rav1e through ffmpeg'
av1-qsv\t'An Intel GPU through ffmpeg'
auto-hw\t'An Intel GPU if there is one that works, else as auto'"
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -l crf -d 'Quality, lower is better and larger: 0 to 63 [default: 28]' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -l preset -d 'Speed, lower is slower and better: 0 to 13 [default: 6]' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -s v -l video-params -d 'Options of the encoder by its own names; they win over every default' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -s a -l audio-params -d 'Sound, by options of ffmpeg [default: copied]' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -l audio-codec -d 'Sound, by its codec [default: copy]' -r -f -a "copy\t'It is not'
opus\t'libopus'
aac\t'ffmpeg\'s AAC'
flac\t'FLAC'"
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -l opus-if -d 'Sound that becomes Opus: lossless, or \'bitrate>256\'' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -l downmix -d 'Mix sound of more channels down' -r -f -a "stereo\t'Two channels'"
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -l loudness -d 'Loudness of all sound in LUFS, by EBU R128: -23' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -l languages -d 'Languages of sound and subtitles to keep: eng,de,und' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -l drop-languages -d 'Languages of sound and subtitles to drop: rus' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -s f -d 'Colour tags for a source that has none, as ffmpeg\'s options' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -l ffmpeg -d 'ffmpeg to use [default: the one in PATH]' -r -F
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -l ffprobe -d 'ffprobe to use [default: the one in PATH]' -r -F
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -l device -d 'Render node of the GPU, with -e av1-qsv [default: Intel\'s first]' -r -F
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -l pix-format -d 'Pixel format [default: yuv420p10le]' -r -f -a "auto\t'4:2:0 of the source\'s depth: 8 bit, or 10 for whatever has more'
yuv420p\t'8 bit 4:2:0'
yuv420p10le\t'10 bit 4:2:0'"
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -l source-class -d 'Kind of source [default: off]' -r -f -a "off\t'No class is looked for'
auto\t'By rate, sound, codec and name'
remux\t'A copy of a disc'
web\t'From the web, as it is sold there'
low\t'A rip of low quality'"
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -l crf-table -d 'Table for crf and preset' -r -f -a "class\t'By class of source'
size\t'By size'
codec\t'By the source\'s codec, and size'
quick\t'By size, for those in a hurry'"
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -l tier -d 'For --crf-table size [default: high]' -r -f -a "high\t'As the table has it'
very-high\t'Slower'
archive\t'To keep: better and slower'
fast\t'Faster'"
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -l tables -d 'Tables to decide by [default: those of `av1enc tables`]' -r -F
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -l config -d 'Settings file [default: ~/.config/av1enc/config.toml]' -r -F
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -l skip -d 'Films to leave as they are (exit code 4)' -r -f -a "av1\t'It is AV1 already'
hevc-web\t'It is a clean film of the web, in HEVC or VP9'
small\t'It has fewer bytes than --min-bytes'
marked\t'FILM.av1skip is beside it'
copying\t'It is still being written'
dynamic-hdr\t'It has dynamic HDR, and --dynamic-hdr is refuse'
own\t'av1enc has made it, or has kept it as the original'
none\t'None of these'"
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -l min-bytes -d 'Smallest film that --skip small lets through: 2G, or table' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -l stable-secs -d 'Time without a change that --skip copying waits for [default: 0]' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -l dynamic-hdr -d 'HDR10+ and Dolby Vision [default: drop]' -r -f -a "drop\t'The film is encoded without them'
refuse\t'The film is not encoded'"
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -l target-size -d 'Size of the whole output: 4G, 700M' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -l max-size-ratio -d 'Largest share of INPUT\'s size for the output: 0.90' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -l min-saving -d 'The same by what the output must save: 5%' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -l test-clip -d 'Encode a hard stretch first, to be approved [default: 45s]' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -l approve -d 'Who approves it: a command, or auto:VMAF>=93 (or XPSNR)' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -l encoder-path -d 'SvtAv1EncApp to use [default: PATH\'s, else that of ./setup]' -r -F
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -s w -l workers -d 'Encoders to run at once [default: auto]' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -l lp -d 'Parallelism of each encoder [default: from cores and memory]' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -l memory-limit -d 'Memory for the whole run: auto, none, or 12G [default: auto]' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -l temp -d 'Directory for the job\'s state [default: OUTPUT.av1enc]' -r -F
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -l on-interrupt -d 'What the first Ctrl-C does [default: stop]' -r -f -a "stop\t'Running encoders are stopped; their chunks are encoded again when the job goes on'
finish\t'Running chunks are finished first'"
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -l stall-timeout -d 'After how long an encoder that gets nowhere is started again' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -l disk-timeout -d 'How long to wait for room on a full disk [default: 600]' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -l nice -d 'How much av1enc makes way for other programs: 0 to 19' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -l ionice -d 'When it gets the disks: idle, best-effort:7' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -l cpus -d 'Processors to use: 0-7,12' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -l numa -d 'Nodes of memory' -r -f -a "interleave\t'Memory is spread over all nodes'
node\t'Each encoder is kept on one node'"
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -l battery -d 'Pause below this charge, in percent, on battery' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -l max-temp -d 'Hottest that the processor may get: 80' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -l schedule -d 'When to work: 22:00-07:00,sat,sun' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -l pause-while -d 'Pause while this command of the shell succeeds' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -l on-change -d 'If size or transfer function change [default: stop]' -r -f -a "stop\t'The film is refused, with the command that cuts it there'
keep\t'All pictures are scaled to the size of the first, and tagged as it is'"
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -s x -l extra-split -d 'Longest chunk, 0: as long as its scene [default: 240]' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -s m -l chunk-method -d 'Who reads the film [default: auto]' -r -f -a "auto\t'FFMS2 where it is right, else ffmpeg in order; short films in order at once'
ffms2\t'FFMS2 where it is right, else ffmpeg in order'
linear\t'ffmpeg, from beginning to end; needs no VapourSynth'"
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -s s -l scenes -d 'av1an\'s file of scenes: read if it is there, else written' -r -F
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -l force-keyframes -d 'Frames at which a chunk begins in any case: 240,1500' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -s l -l log-file -d 'Append what happens to this file, as --verbose prints it' -r -F
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -l proof -d 'Write what was compared to FILE, as `verify --json` has it' -r -F
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -l history -d 'Append what came of the film to FILE, as one line of JSON' -r -F
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -l progress -d 'How progress is shown [default: auto]' -r -f -a "auto\t'A bar at a terminal, lines elsewhere'
bar\t'A bar, wherever it goes'
lines\t'A line for each stage, and for each twentieth of it'
none\t'Nothing: notes, warnings and the result are still printed'"
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -s y -d 'Overwrite the output if it exists'
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -l replace -d 'Have the output take INPUT\'s place (see `av1enc restore`)'
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -l no-backup -d 'Keep no original'
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -l drop-commentary -d 'Drop commentary, by its flag or title'
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -l no-config -d 'Read no settings file'
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -l force-reencode -d 'Encode AV1 again, and HEVC or VP9 of the web'
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -l why -d 'Write into INPUT.why.txt why it was skipped or failed'
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -l mark -d 'Write INPUT.av1skip where the output was too large'
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -l approved -d 'Go on: the clip of these settings is good'
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -s k -l keep -d 'Keep the job directory after success'
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -l restart -d 'Throw away what an earlier run has done, and begin anew'
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -l shared -d 'Let all of the job directory\'s group go on with the job'
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -l wait -d 'If another run works on the job, wait for its end'
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -l no-chunks -d 'Encode the film in one go with ffmpeg\'s libsvtav1'
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -l allow-truncated -d 'Encode what there is of a source that is cut short'
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -l sc-only -d 'Only find the scenes, and write them into --scenes'
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -l verify-decode -d 'Decode the whole output as well before it gets its name'
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -l verify-source -d 'Compare all pictures with the source\'s before the output gets its name'
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -l dry-run -d 'Print the plan and do nothing'
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -l json -d 'Print progress and result as JSON lines on standard output'
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -s q -l quiet -d 'Print nothing but errors'
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -l verbose -d 'Print what each chunk does'
complete -c av1enc -n "__fish_av1enc_using_subcommand doctor" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c av1enc -n "__fish_av1enc_using_subcommand verify" -l known -d 'What is known to differ: scaled, cropped=W:H:X:Y, deinterlaced, rate, colors, dynamic-hdr, sound (its channels or loudness), tracks, names (titles, languages, tags), chapters, attachments, damage' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand verify" -l sample -d 'Compare pictures at N places only, from the beginning to the end [default: all pictures]' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand verify" -l ffmpeg -d 'ffmpeg to use [default: the one in PATH]' -r -F
complete -c av1enc -n "__fish_av1enc_using_subcommand verify" -l ffprobe -d 'ffprobe to use [default: the one in PATH]' -r -F
complete -c av1enc -n "__fish_av1enc_using_subcommand verify" -l json -d 'Print the findings as one JSON object'
complete -c av1enc -n "__fish_av1enc_using_subcommand verify" -s h -l help -d 'Print help'
complete -c av1enc -n "__fish_av1enc_using_subcommand restore" -l backup-dir -d 'Where originals are kept [default: beside the film]' -r -F
complete -c av1enc -n "__fish_av1enc_using_subcommand restore" -s h -l help -d 'Print help'
complete -c av1enc -n "__fish_av1enc_using_subcommand status" -l history -d 'Also show what came of the last films, by the file that --history of an encode has written' -r -F
complete -c av1enc -n "__fish_av1enc_using_subcommand status" -l clean -d 'Remove jobs on which nobody has worked for AGE: 7d' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand status" -l watch -d 'Show it again every two seconds, with how busy the machine is; `q` quits, `r` looks at once'
complete -c av1enc -n "__fish_av1enc_using_subcommand status" -l json -d 'Print one JSON object'
complete -c av1enc -n "__fish_av1enc_using_subcommand status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c av1enc -n "__fish_av1enc_using_subcommand history" -l sample -d 'Name N finished films to look at, chosen by chance' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand history" -l seed -d 'Choose those of --sample that were chosen with this number' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand history" -l html -d 'Write one page for a browser, which needs nothing else (`-`: to standard output)' -r -F
complete -c av1enc -n "__fish_av1enc_using_subcommand history" -l json -d 'Print the sums as one JSON object'
complete -c av1enc -n "__fish_av1enc_using_subcommand history" -s h -l help -d 'Print help'
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -s i -l input -d 'The film to encode, as av1an has it' -r -F
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -s o -l output -d 'The file to write, Matroska [default: ./<INPUT\'s stem>.av1.mkv]' -r -F
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -l backup-dir -d 'Directory for the original [default: INPUT\'s]' -r -F
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -l keep-backup -d 'Remove originals kept there for longer than AGE: 30d' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -s e -l encoder -d 'Encoder [default: auto]' -r -f -a "auto\t'The first that works: SvtAv1EncApp, then ffmpeg\'s libsvtav1, libaom, librav1e'
svt-av1\t'SvtAv1EncApp'
libsvtav1\t'SVT-AV1 through ffmpeg'
libaom\t'libaom through ffmpeg'
librav1e\t'rav1e through ffmpeg'
av1-qsv\t'An Intel GPU through ffmpeg'
auto-hw\t'An Intel GPU if there is one that works, else as auto'"
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -l crf -d 'Quality, lower is better and larger: 0 to 63 [default: 28]' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -l preset -d 'Speed, lower is slower and better: 0 to 13 [default: 6]' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -s v -l video-params -d 'Options of the encoder by its own names; they win over every default' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -s a -l audio-params -d 'Sound, by options of ffmpeg [default: copied]' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -l audio-codec -d 'Sound, by its codec [default: copy]' -r -f -a "copy\t'It is not'
opus\t'libopus'
aac\t'ffmpeg\'s AAC'
flac\t'FLAC'"
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -l opus-if -d 'Sound that becomes Opus: lossless, or \'bitrate>256\'' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -l downmix -d 'Mix sound of more channels down' -r -f -a "stereo\t'Two channels'"
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -l loudness -d 'Loudness of all sound in LUFS, by EBU R128: -23' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -l languages -d 'Languages of sound and subtitles to keep: eng,de,und' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -l drop-languages -d 'Languages of sound and subtitles to drop: rus' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -s f -d 'Colour tags for a source that has none, as ffmpeg\'s options' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -l ffmpeg -d 'ffmpeg to use [default: the one in PATH]' -r -F
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -l ffprobe -d 'ffprobe to use [default: the one in PATH]' -r -F
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -l device -d 'Render node of the GPU, with -e av1-qsv [default: Intel\'s first]' -r -F
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -l pix-format -d 'Pixel format [default: yuv420p10le]' -r -f -a "auto\t'4:2:0 of the source\'s depth: 8 bit, or 10 for whatever has more'
yuv420p\t'8 bit 4:2:0'
yuv420p10le\t'10 bit 4:2:0'"
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -l source-class -d 'Kind of source [default: off]' -r -f -a "off\t'No class is looked for'
auto\t'By rate, sound, codec and name'
remux\t'A copy of a disc'
web\t'From the web, as it is sold there'
low\t'A rip of low quality'"
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -l crf-table -d 'Table for crf and preset' -r -f -a "class\t'By class of source'
size\t'By size'
codec\t'By the source\'s codec, and size'
quick\t'By size, for those in a hurry'"
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -l tier -d 'For --crf-table size [default: high]' -r -f -a "high\t'As the table has it'
very-high\t'Slower'
archive\t'To keep: better and slower'
fast\t'Faster'"
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -l tables -d 'Tables to decide by [default: those of `av1enc tables`]' -r -F
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -l config -d 'Settings file [default: ~/.config/av1enc/config.toml]' -r -F
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -l skip -d 'Films to leave as they are (exit code 4)' -r -f -a "av1\t'It is AV1 already'
hevc-web\t'It is a clean film of the web, in HEVC or VP9'
small\t'It has fewer bytes than --min-bytes'
marked\t'FILM.av1skip is beside it'
copying\t'It is still being written'
dynamic-hdr\t'It has dynamic HDR, and --dynamic-hdr is refuse'
own\t'av1enc has made it, or has kept it as the original'
none\t'None of these'"
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -l min-bytes -d 'Smallest film that --skip small lets through: 2G, or table' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -l stable-secs -d 'Time without a change that --skip copying waits for [default: 0]' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -l dynamic-hdr -d 'HDR10+ and Dolby Vision [default: drop]' -r -f -a "drop\t'The film is encoded without them'
refuse\t'The film is not encoded'"
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -l target-size -d 'Size of the whole output: 4G, 700M' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -l max-size-ratio -d 'Largest share of INPUT\'s size for the output: 0.90' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -l min-saving -d 'The same by what the output must save: 5%' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -l test-clip -d 'Encode a hard stretch first, to be approved [default: 45s]' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -l approve -d 'Who approves it: a command, or auto:VMAF>=93 (or XPSNR)' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -l encoder-path -d 'SvtAv1EncApp to use [default: PATH\'s, else that of ./setup]' -r -F
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -s w -l workers -d 'Encoders to run at once [default: auto]' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -l lp -d 'Parallelism of each encoder [default: from cores and memory]' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -l memory-limit -d 'Memory for the whole run: auto, none, or 12G [default: auto]' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -l temp -d 'Directory for the job\'s state [default: OUTPUT.av1enc]' -r -F
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -l on-interrupt -d 'What the first Ctrl-C does [default: stop]' -r -f -a "stop\t'Running encoders are stopped; their chunks are encoded again when the job goes on'
finish\t'Running chunks are finished first'"
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -l stall-timeout -d 'After how long an encoder that gets nowhere is started again' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -l disk-timeout -d 'How long to wait for room on a full disk [default: 600]' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -l nice -d 'How much av1enc makes way for other programs: 0 to 19' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -l ionice -d 'When it gets the disks: idle, best-effort:7' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -l cpus -d 'Processors to use: 0-7,12' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -l numa -d 'Nodes of memory' -r -f -a "interleave\t'Memory is spread over all nodes'
node\t'Each encoder is kept on one node'"
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -l battery -d 'Pause below this charge, in percent, on battery' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -l max-temp -d 'Hottest that the processor may get: 80' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -l schedule -d 'When to work: 22:00-07:00,sat,sun' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -l pause-while -d 'Pause while this command of the shell succeeds' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -l on-change -d 'If size or transfer function change [default: stop]' -r -f -a "stop\t'The film is refused, with the command that cuts it there'
keep\t'All pictures are scaled to the size of the first, and tagged as it is'"
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -s x -l extra-split -d 'Longest chunk, 0: as long as its scene [default: 240]' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -s m -l chunk-method -d 'Who reads the film [default: auto]' -r -f -a "auto\t'FFMS2 where it is right, else ffmpeg in order; short films in order at once'
ffms2\t'FFMS2 where it is right, else ffmpeg in order'
linear\t'ffmpeg, from beginning to end; needs no VapourSynth'"
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -s s -l scenes -d 'av1an\'s file of scenes: read if it is there, else written' -r -F
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -l force-keyframes -d 'Frames at which a chunk begins in any case: 240,1500' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -s l -l log-file -d 'Append what happens to this file, as --verbose prints it' -r -F
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -l proof -d 'Write what was compared to FILE, as `verify --json` has it' -r -F
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -l history -d 'Append what came of the film to FILE, as one line of JSON' -r -F
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -l progress -d 'How progress is shown [default: auto]' -r -f -a "auto\t'A bar at a terminal, lines elsewhere'
bar\t'A bar, wherever it goes'
lines\t'A line for each stage, and for each twentieth of it'
none\t'Nothing: notes, warnings and the result are still printed'"
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -s y -d 'Overwrite the output if it exists'
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -l replace -d 'Have the output take INPUT\'s place (see `av1enc restore`)'
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -l no-backup -d 'Keep no original'
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -l drop-commentary -d 'Drop commentary, by its flag or title'
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -l no-config -d 'Read no settings file'
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -l force-reencode -d 'Encode AV1 again, and HEVC or VP9 of the web'
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -l why -d 'Write into INPUT.why.txt why it was skipped or failed'
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -l mark -d 'Write INPUT.av1skip where the output was too large'
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -l approved -d 'Go on: the clip of these settings is good'
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -s k -l keep -d 'Keep the job directory after success'
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -l restart -d 'Throw away what an earlier run has done, and begin anew'
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -l shared -d 'Let all of the job directory\'s group go on with the job'
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -l wait -d 'If another run works on the job, wait for its end'
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -l no-chunks -d 'Encode the film in one go with ffmpeg\'s libsvtav1'
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -l allow-truncated -d 'Encode what there is of a source that is cut short'
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -l sc-only -d 'Only find the scenes, and write them into --scenes'
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -l verify-decode -d 'Decode the whole output as well before it gets its name'
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -l verify-source -d 'Compare all pictures with the source\'s before the output gets its name'
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -l dry-run -d 'Print the plan and do nothing'
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -l json -d 'Print progress and result as JSON lines on standard output'
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -s q -l quiet -d 'Print nothing but errors'
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -l verbose -d 'Print what each chunk does'
complete -c av1enc -n "__fish_av1enc_using_subcommand plan" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c av1enc -n "__fish_av1enc_using_subcommand chunk" -l chunks -d 'Chunks A to B, from 0; or only A' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand chunk" -l task -d 'The task with this number in the job\'s tasks.json; `auto`: the one that a scheduler\'s environment names' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand chunk" -l packed -d 'A chunk that `--pack` has written, on a host that sees neither job nor source' -r -F
complete -c av1enc -n "__fish_av1enc_using_subcommand chunk" -l task-offset -d 'Add this to the number of the task' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand chunk" -l source -d 'Where the source is on this host [default: where the plan has it]' -r -F
complete -c av1enc -n "__fish_av1enc_using_subcommand chunk" -s w -l workers -d 'Encoders at once [default: by processors and memory]' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand chunk" -l memory-limit -d 'Memory to stay within, in bytes, or with K, M, G, T [default: what is available]' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand chunk" -l lease-timeout -d 'After so many seconds without a sign of life, a host that encodes a chunk counts as dead' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand chunk" -l any -d 'Chunks that nobody encodes, until none is left'
complete -c av1enc -n "__fish_av1enc_using_subcommand chunk" -l pack -d 'Write the frames of each chunk into one lossless file, and encode nothing'
complete -c av1enc -n "__fish_av1enc_using_subcommand chunk" -l shared -d 'The group of the job directory works on it'
complete -c av1enc -n "__fish_av1enc_using_subcommand chunk" -l json -d 'Print what happens as JSON lines'
complete -c av1enc -n "__fish_av1enc_using_subcommand chunk" -s q -l quiet -d 'Print only errors'
complete -c av1enc -n "__fish_av1enc_using_subcommand chunk" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c av1enc -n "__fish_av1enc_using_subcommand join" -l source -d 'Where the source is on this host [default: where the plan has it]' -r -F
complete -c av1enc -n "__fish_av1enc_using_subcommand join" -l shared -d 'The group of the job directory works on it'
complete -c av1enc -n "__fish_av1enc_using_subcommand join" -l json -d 'Print what happens as JSON lines'
complete -c av1enc -n "__fish_av1enc_using_subcommand join" -s q -l quiet -d 'Print only errors'
complete -c av1enc -n "__fish_av1enc_using_subcommand join" -s h -l help -d 'Print help'
complete -c av1enc -n "__fish_av1enc_using_subcommand submit" -l engine -d 'To whom' -r -f -a "slurm\t'An array job of Slurm, and a job that joins'
parallel\t'A line for GNU parallel, over ssh'
kubernetes\t'The manifest of an indexed job of Kubernetes'"
complete -c av1enc -n "__fish_av1enc_using_subcommand submit" -l array-limit -d 'Tasks at once, at most [default: the scheduler\'s own limit]' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand submit" -l task-seconds -d 'Seconds of work that a task has at least, about' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand submit" -l hosts -d 'Hosts for GNU parallel: names separated by commas, or a file with one in each line' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand submit" -l image -d 'The container\'s image (Kubernetes)' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand submit" -l claim -d 'The volume claim on which job and source are (Kubernetes)' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand submit" -l program -d 'Where av1enc is on the hosts [default: where this one is]' -r -F
complete -c av1enc -n "__fish_av1enc_using_subcommand submit" -l lease-timeout -d 'After so many seconds without a sign of life, a host that encodes a chunk counts as dead [default: 60]' -r
complete -c av1enc -n "__fish_av1enc_using_subcommand submit" -l print -d 'Only print what would be done'
complete -c av1enc -n "__fish_av1enc_using_subcommand submit" -l packed -d 'Chunks go to hosts that do not see the job as packed files (GNU parallel)'
complete -c av1enc -n "__fish_av1enc_using_subcommand submit" -l shared -d 'The group of the job directory works on it'
complete -c av1enc -n "__fish_av1enc_using_subcommand submit" -l json -d 'Print one JSON object'
complete -c av1enc -n "__fish_av1enc_using_subcommand submit" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c av1enc -n "__fish_av1enc_using_subcommand tables" -s h -l help -d 'Print help'
complete -c av1enc -n "__fish_av1enc_using_subcommand completions" -s h -l help -d 'Print help'
complete -c av1enc -n "__fish_av1enc_using_subcommand help; and not __fish_seen_subcommand_from doctor verify restore status history plan chunk join submit tables completions help" -f -a "doctor" -d 'Say what an encode lacks on this machine, and what to type'
complete -c av1enc -n "__fish_av1enc_using_subcommand help; and not __fish_seen_subcommand_from doctor verify restore status history plan chunk join submit tables completions help" -f -a "verify" -d 'Compare a film with the one that it was made of'
complete -c av1enc -n "__fish_av1enc_using_subcommand help; and not __fish_seen_subcommand_from doctor verify restore status history plan chunk join submit tables completions help" -f -a "restore" -d 'Put the original back that `--replace` has kept of a film'
complete -c av1enc -n "__fish_av1enc_using_subcommand help; and not __fish_seen_subcommand_from doctor verify restore status history plan chunk join submit tables completions help" -f -a "status" -d 'Show what is encoded below a directory, and what was stopped'
complete -c av1enc -n "__fish_av1enc_using_subcommand help; and not __fish_seen_subcommand_from doctor verify restore status history plan chunk join submit tables completions help" -f -a "history" -d 'Sum up what `--history` has written, as a table or a page'
complete -c av1enc -n "__fish_av1enc_using_subcommand help; and not __fish_seen_subcommand_from doctor verify restore status history plan chunk join submit tables completions help" -f -a "plan" -d 'Make the job directory; to look only, `--dry-run`'
complete -c av1enc -n "__fish_av1enc_using_subcommand help; and not __fish_seen_subcommand_from doctor verify restore status history plan chunk join submit tables completions help" -f -a "chunk" -d 'Encode chunks of a job that `av1enc plan` has made, on any host that sees it'
complete -c av1enc -n "__fish_av1enc_using_subcommand help; and not __fish_seen_subcommand_from doctor verify restore status history plan chunk join submit tables completions help" -f -a "join" -d 'Join the chunks of a job, prove the film, and give it its name'
complete -c av1enc -n "__fish_av1enc_using_subcommand help; and not __fish_seen_subcommand_from doctor verify restore status history plan chunk join submit tables completions help" -f -a "submit" -d 'Hand the chunks of a job to a scheduler: Slurm, GNU parallel, Kubernetes'
complete -c av1enc -n "__fish_av1enc_using_subcommand help; and not __fish_seen_subcommand_from doctor verify restore status history plan chunk join submit tables completions help" -f -a "tables" -d 'Print the built-in tables, for a file that --tables names'
complete -c av1enc -n "__fish_av1enc_using_subcommand help; and not __fish_seen_subcommand_from doctor verify restore status history plan chunk join submit tables completions help" -f -a "completions" -d 'Print a completion script for a shell'
complete -c av1enc -n "__fish_av1enc_using_subcommand help; and not __fish_seen_subcommand_from doctor verify restore status history plan chunk join submit tables completions help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
