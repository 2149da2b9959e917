//! HDR10 is in the output as it was in the source: in the container and in the bitstream.

use std::path::Path;

use serde_json::Value;

use crate::{
    check::{File, is_whole},
    clips::{self, LIGHT, MASTERING},
    encoders,
    run::Run,
};

/// Chromaticities are exact to this.
const XY: f64 = 0.000_02;
/// Luminance at the dark end, in nit; at the bright end AV1 has steps of 1/256.
const DARK: f64 = 0.0001;
const BRIGHT: f64 = 1.0 / 256.0;

#[track_caller]
fn near(name: &str, is: f64, should: f64, tolerance: f64) {
    assert!(
        (is - should).abs() <= tolerance,
        "{name} is {is} instead of {should}"
    );
}

#[track_caller]
fn mastering_is_exact(value: impl Fn(&str) -> f64) {
    for (name, should) in MASTERING {
        let tolerance = match name {
            "max_luminance" => BRIGHT,
            "min_luminance" => DARK,
            _ => XY,
        };
        near(name, value(name), should, tolerance);
    }
}

/// Checks the metadata of [`clips::hdr10`] in the container and, without it, in the bitstream.
#[track_caller]
pub fn is_exact(output: &Path) {
    let file = File::open(output);
    assert_eq!(file.colors(), "bt2020 smpte2084 bt2020nc tv");

    let properties = file.video_properties();
    let list = |name: &str| -> Vec<f64> {
        properties[name]
            .as_str()
            .unwrap()
            .split(',')
            .map(|number| number.parse().unwrap())
            .collect()
    };
    let (rgb, white) = (
        list("chromaticity_coordinates"),
        list("white_color_coordinates"),
    );
    mastering_is_exact(|name| match name {
        "red_x" => rgb[0],
        "red_y" => rgb[1],
        "green_x" => rgb[2],
        "green_y" => rgb[3],
        "blue_x" => rgb[4],
        "blue_y" => rgb[5],
        "white_point_x" => white[0],
        "white_point_y" => white[1],
        _ => properties[name].as_f64().unwrap(),
    });
    let light =
        ["max_content_light", "max_frame_light"].map(|name| properties[name].as_u64().unwrap());
    assert_eq!(light, [LIGHT.0, LIGHT.1], "content light in the container");

    // An IVF file holds the bitstream and nothing else.
    let dir = tempfile::tempdir().unwrap();
    let ivf = dir.path().join("bare.ivf");
    file.ffmpeg(&[
        "-i",
        "@",
        "-map",
        "0:v:0",
        "-c",
        "copy",
        "-f",
        "ivf",
        ivf.to_str().unwrap(),
    ]);
    let bare = File::open(&ivf);
    assert_eq!(bare.colors(), "bt2020 smpte2084 bt2020nc tv");
    let frames = bare.tool(
        "ffprobe",
        &[
            "-v",
            "error",
            "-show_frames",
            "-read_intervals",
            "%+#1",
            "-of",
            "json",
            "@",
        ],
    );
    let frames: Value = serde_json::from_str(&frames).unwrap();
    let side_data = frames["frames"][0]["side_data_list"].as_array().unwrap();
    let find = |kind: &str| {
        side_data
            .iter()
            .find(|data| data["side_data_type"] == kind)
            .unwrap()
    };
    let mastering = find("Mastering display metadata");
    mastering_is_exact(|name| {
        let (num, den) = mastering[name].as_str().unwrap().split_once('/').unwrap();
        num.parse::<f64>().unwrap() / den.parse::<f64>().unwrap()
    });
    let light = find("Content light level metadata");
    assert_eq!(
        (&light["max_content"], &light["max_average"]),
        (&LIGHT.0.into(), &LIGHT.1.into())
    );

    // A third opinion, of the kind that people look at.
    let mediainfo: Value =
        serde_json::from_str(&file.tool("mediainfo", &["--Output=JSON", "@"])).unwrap();
    let video = mediainfo["media"]["track"]
        .as_array()
        .unwrap()
        .iter()
        .find(|track| track["@type"] == "Video")
        .unwrap();
    let text = |name: &str| video[name].as_str().unwrap_or("");
    assert_eq!(text("HDR_Format"), "SMPTE ST 2086", "{video:#}");
    assert_eq!(
        text("MasteringDisplay_Luminance"),
        "min: 0.0001 cd/m2, max: 1000 cd/m2",
        "{video:#}"
    );
    assert!(
        text("MaxCLL").starts_with("949") && text("MaxFALL").starts_with("438"),
        "{video:#}"
    );
}

#[test]
fn hdr10_comes_through_exactly_in_container_and_bitstream() {
    let dir = tempfile::tempdir().unwrap();
    let source = clips::hdr10();
    let run = Run::encode(dir.path(), &source, "out.mkv")
        .args(["--crf", "20", "--json", "--verify-decode"])
        .succeeds();
    let finished = run.finished();
    run.expect(finished["proof"]["hdr10"] == true, "proof of HDR10");
    run.expect(
        finished["proof"]["decoded"] == true,
        "proof that it was decoded",
    );
    is_whole(&dir.path().join("out.mkv"), &source, 56);
    is_exact(&dir.path().join("out.mkv"));
}

#[test]
fn an_old_encoder_is_used_where_it_is_named_and_writes_hdr10_as_well() {
    let Some(old) = encoders::old() else {
        eprintln!("SKIPPED: there is no old encoder here; ./setup test unpacks one");
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let source = clips::hdr10();
    let run = Run::encode(dir.path(), &source, "out.mkv")
        .args(["--crf", "20"])
        .arg("--encoder-path")
        .arg(&old);
    run.succeeds();
    is_whole(&dir.path().join("out.mkv"), &source, 56);
    is_exact(&dir.path().join("out.mkv"));
}
