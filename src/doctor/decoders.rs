//! What ffmpeg decodes and encodes: distributions leave codecs out of it.

use std::{path::Path, process::Command, thread};

use super::{advice::System, check::Check};
use crate::os::process::{Children, outcome};

/// A grey picture of 64 x 64 in one codec.
struct Sample {
    /// What people call the codec.
    codec: &'static str,
    /// ffmpeg's name of its container.
    format: &'static str,
    /// The file, in base64. Made by ffmpeg with libx264, libx265, libvpx-vp9, libaom-av1 and mpeg2video.
    file: &'static str,
}

const SAMPLES: [Sample; 5] = [
    Sample {
        codec: "H.264",
        format: "h264",
        file: "AAAAAWdkAAqs2UQmwEQAAAMABAAAAwAIPEiWWAAAAAFo6+PLIsAAAAFliIQAFf/+98nvwJ/SrW/k89I+HvGUA+sGavr20h/+zQ==",
    },
    Sample {
        codec: "HEVC 10 bit",
        format: "hevc",
        file: "AAAAAUABDAH//wIgAAADAJAAAAMAAAMAHpWYCQAAAAFCAQECIAAAAwCQAAADAAADAB6gIIEE2WVmkkyvAWgIAAADAAgAAAMACEAAAAABRAHBcrQiQAAAASgBrxOA5mjj/xz8f2zw",
    },
    Sample {
        codec: "VP9",
        format: "ivf",
        file: "REtJRgAAIABWUDkwQABAAAEAAAABAAAAAQAAAAAAAAAbAAAAAAAAAAAAAACCSYNCAAPwA/YAOCQcGEoAADBgAAATuBgAAAA=",
    },
    Sample {
        codec: "AV1",
        format: "ivf",
        file: "REtJRgAAIABBVjAxQABAAAEAAAABAAAAAQAAAAAAAAAbAAAAAAAAAAAAAAASAAoKAAAAAq//m18gCDILEADAAAACgAAACaw=",
    },
    Sample {
        codec: "MPEG-2",
        format: "mpegvideo",
        file: "AAABswQAQBP//+AYAAABtRSKAAEAAAAAAbgACABAAAABAAAP//gAAAG1j//zQYAAAAEBE1pSkRcpSkRcpSkRcpSkRAAAAQITWlKRFylKRFylKRFylKREAAABAxNaUpEXKUpEXKUpEXKUpEQAAAEEE1pSkRcpSkRcpSkRcpSkRA==",
    },
];
/// Nobody but its owner has an encoder of it: whether it is decoded, only ffmpeg's list tells.
const VC1: (&str, &str) = ("VC-1", "vc1");

/// ffmpeg's encoders of AV1 that av1enc can run.
const ENCODERS: [&str; 4] = ["libsvtav1", "libaom-av1", "librav1e", "av1_qsv"];

/// Has `ffmpeg` decode a picture of each common codec.
pub fn decoders(children: &Children, ffmpeg: &Path, system: &System) -> Check {
    let decodes = thread::scope(|scope| {
        let begun = SAMPLES.each_ref().map(|sample| {
            let decodes = scope.spawn(|| decodes(children, ffmpeg, sample));
            (sample.codec, decodes)
        });
        begun.map(|(codec, decodes)| (codec, outcome(decodes)))
    });
    let vc1 = (VC1.0, has(children, ffmpeg, "-decoders", VC1.1));
    let all: Vec<(&str, bool)> = decodes.into_iter().chain([vc1]).collect();
    judged(&all, system)
}

fn judged(all: &[(&str, bool)], system: &System) -> Check {
    let those = |wanted: bool| {
        let names = all.iter().filter(|(_, decodes)| *decodes == wanted);
        names.map(|(codec, _)| *codec).collect::<Vec<_>>()
    };
    let (there, lacking) = (those(true), those(false));
    if lacking.is_empty() {
        return Check::ok("decoders").note(there.join(", "));
    }
    let note = format!(
        "this ffmpeg does not decode {}: such films cannot be read",
        lacking.join(", ")
    );
    Check::warning("decoders", note).advise(system.whole_ffmpeg())
}

fn decodes(children: &Children, ffmpeg: &Path, sample: &Sample) -> bool {
    let mut command = Command::new(ffmpeg);
    let file = format!("data:application/octet-stream;base64,{}", sample.file);
    command.args(["-nostdin", "-v", "error", "-f", sample.format, "-i", &file]);
    command.args(["-map", "0:v", "-frames:v", "1", "-f", "framecrc", "-"]);
    let listed = children.output(command).unwrap_or_default();
    let listed = String::from_utf8_lossy(&listed);
    listed.lines().any(|line| !line.starts_with('#'))
}

/// Whether one of ffmpeg's lists has such a codec.
fn has(children: &Children, ffmpeg: &Path, list: &str, name: &str) -> bool {
    let mut command = Command::new(ffmpeg);
    command.args(["-v", "quiet", list]);
    let listed = children.output(command).unwrap_or_default();
    let listed = String::from_utf8_lossy(&listed);
    listed
        .lines()
        .any(|line| line.split_whitespace().nth(1) == Some(name))
}

/// The encoders of AV1 that `ffmpeg` has.
pub fn encoders(children: &Children, ffmpeg: &Path) -> Option<Check> {
    let names = ENCODERS
        .into_iter()
        .filter(|name| has(children, ffmpeg, "-encoders", name));
    let names: Vec<&str> = names.collect();
    (!names.is_empty()).then(|| Check::ok("AV1 in ffmpeg").note(names.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::{advice, check::State};

    #[test]
    fn a_codec_that_is_not_decoded_is_named_with_who_has_it() {
        let fedora = advice::tests::system("ID=fedora\n", &[]);
        let all = [("H.264", true), ("HEVC 10 bit", false), ("VC-1", false)];
        let check = judged(&all, &fedora);
        assert_eq!(check.state, State::Warning);
        assert!(check.note.unwrap().contains("decode HEVC 10 bit, VC-1: "));
        assert!(
            check.advice[0].contains("ffmpeg-free"),
            "{:?}",
            check.advice
        );
        let check = judged(&all[..1], &fedora);
        assert_eq!(
            (check.state, check.note),
            (State::Ok, Some("H.264".to_owned()))
        );
    }
}
