//! The picture of a film: what its stream and its first frame say of it.

use std::{path::Path, process::Command};

use anyhow::{Context, Result, bail, ensure};
use num_rational::Ratio;

use super::ffprobe::{FfColor, FfFrame, FfSideData, FfStream, file_url, rate};
use crate::{
    film::{
        hdr::{ContentLight, Hdr10, MasteringDisplay},
        media::{
            ChromaLocation, Color, Cropping, DynamicHdr, Extra, Fields, Range, Space, Subsampling,
            UNSPECIFIED, Video,
        },
    },
    os::toolbox::Toolbox,
};

/// Pixels in each direction that AV1 can say (AV1 specification, 5.5.1: 16 bits).
const LARGEST: u32 = 1 << 16;

/// Pixels in each direction of a picture in 4:2:0: sizes are made even.
const SMALLEST: u32 = 2;

/// The video's properties from its stream and first frame.
pub(super) fn video(
    stream: &FfStream,
    frame: &FfFrame,
    warnings: &mut Vec<String>,
) -> Result<Video> {
    let pixel_format = stream
        .pix_fmt
        .clone()
        .context("its pixel format is unknown: is it damaged?")?;
    let (subsampling, bit_depth) = pixel_layout(&pixel_format)
        .with_context(|| format!("its pixel format {pixel_format} is not YUV"))?;
    require_size(stream)?;
    let dynamic_hdr = dynamic_hdr(stream, frame);
    require_base_layer(&dynamic_hdr, warnings)?;
    let extras = extras(stream, frame);
    let said = |extra: &&Extra| {
        **extra != Extra::DolbyVision || dynamic_hdr.dolby_vision_profile.is_none()
    };
    warnings.extend(extras.iter().filter(said).map(Extra::to_string));
    tell_of_what_is_finer(subsampling, bit_depth, warnings);
    tell_of_what_av1_lacks(stream, frame, (subsampling, &pixel_format), warnings);
    let fields = fields(stream, frame);
    let rotation = quarter_turns(stream, warnings);
    Ok(Video {
        stream: stream.index,
        codec: stream.codec_name.clone(),
        width: stream.width,
        height: stream.height,
        sample_aspect: stream
            .sample_aspect_ratio
            .as_deref()
            .and_then(|text| rate(&text.replace(':', "/")))
            .unwrap_or_else(|| Ratio::from_integer(1)),
        bit_depth,
        bit_rate: None,
        subsampling,
        color: color(stream, frame, pixel_format.starts_with("yuvj")),
        hdr10: hdr10(stream, frame, warnings),
        pixel_format,
        dynamic_hdr,
        extras,
        fields,
        rotation,
        crops: stream.is_cropped(),
    })
}

/// What ffprobe calls the cropping of a container, since ffmpeg heeds it (7.1).
const CROPPING: &str = "Frame Cropping";

impl FfStream {
    /// The order of fields that the container says, or the headers of the stream.
    fn said_fields(&self) -> Option<Fields> {
        self.field_order.as_deref().and_then(Fields::named)
    }

    /// How its picture lies in space, by the side data of its container.
    pub(super) fn space(&self) -> Space {
        let find = |kind: &str| {
            self.side_data_list
                .iter()
                .find(|data| data.side_data_type == kind)
        };
        let text = |data: &FfSideData, name: &str| {
            data.rest
                .get(name)
                .and_then(|text| text.as_str().map(str::to_owned))
        };
        let mut space = Space::default();
        if let Some(data) = find("Stereo 3D") {
            let right_first = data.value("inverted") == Some(1.0);
            // Matroska, StereoMode: with the left eye first, and with the right.
            let modes = match text(data, "type").as_deref() {
                Some("side by side") => (1, 11),
                Some("top and bottom") => (3, 2),
                Some("checkerboard") => (5, 4),
                Some("interleaved lines") => (7, 6),
                Some("interleaved columns") => (9, 8),
                Some("frame alternate") => (13, 14),
                _ => (0, 0),
            };
            space.stereo = if right_first { modes.1 } else { modes.0 };
        }
        if let Some(data) = find("Spherical Mapping") {
            // Matroska, ProjectionType.
            space.projection = match text(data, "projection").as_deref() {
                Some("equirectangular" | "tiled equirectangular") => 1,
                Some("cubemap") => 2,
                _ => 0,
            };
            space.private = self.projection_private(data, text(data, "projection").as_deref());
            space.pose = ["yaw", "pitch", "roll"].map(|name| data.value(name).unwrap_or(0.0));
        }
        if let Some(data) = find(CROPPING) {
            let edges = ["crop_left", "crop_top", "crop_right", "crop_bottom"];
            let edges = edges.map(|name| data.value(name).map_or(0, |pixels| pixels as u32));
            space.crop = (edges != [0; 4]).then_some(Cropping { edges, shown: None });
        }
        space
    }

    /// Whether ffmpeg would crop its pictures as the container says.
    fn is_cropped(&self) -> bool {
        let mut data = self.side_data_list.iter();
        data.any(|data| data.side_data_type == CROPPING)
    }

    /// What Matroska has beside the kind of projection: what is in MP4's box `cbmp` or `equi` (Spherical Video V2), as
    /// hexadecimal digits. The first word is their version.
    fn projection_private(&self, data: &FfSideData, projection: Option<&str>) -> Option<String> {
        let pixels = |name: &str| data.value(name).map(|pixels| pixels as u64);
        let words: Vec<u64> = match projection? {
            // A layout, and pixels around each face.
            "cubemap" => vec![0, 0, pixels("padding")?],
            "tiled equirectangular" => {
                // ffprobe has made pixels of what is cut off, which are parts of the whole.
                let [top, bottom] = [pixels("bound_top")?, pixels("bound_bottom")?];
                let [left, right] = [pixels("bound_left")?, pixels("bound_right")?];
                // Rounded so that the same pixels come of it again (libavutil/spherical.c): the first down, both together up.
                let parts = |first: u64, second: u64, of: u64| {
                    let share = |pixels: u64| pixels * u64::from(u32::MAX);
                    [
                        share(first) / of,
                        share(first + second).div_ceil(of) - share(first) / of,
                    ]
                };
                let (width, height) = (
                    u64::from(self.width) + left + right,
                    u64::from(self.height) + top + bottom,
                );
                [
                    &[0],
                    parts(top, bottom, height).as_slice(),
                    &parts(left, right, width),
                ]
                .concat()
            }
            _ => return None,
        };
        Some(words.iter().map(|word| format!("{word:08x}")).collect())
    }
}

/// Refuses sizes that AV1 cannot say.
fn require_size(stream: &FfStream) -> Result<()> {
    ensure!(
        stream.width > 0 && stream.height > 0,
        "its size is unknown: is it damaged?"
    );
    ensure!(
        stream.width <= LARGEST && stream.height <= LARGEST,
        "it is {}x{}, and AV1 ends at {LARGEST}x{LARGEST}: is it damaged?",
        stream.width,
        stream.height
    );
    ensure!(
        stream.width >= SMALLEST && stream.height >= SMALLEST,
        "it is {}x{}, and 4:2:0, which is what is encoded, begins at {SMALLEST}x{SMALLEST}",
        stream.width,
        stream.height
    );
    Ok(())
}

/// Refuses Dolby Vision that cannot be shown without its dynamic metadata; says that they are left out where it can.
fn require_base_layer(dynamic_hdr: &DynamicHdr, warnings: &mut Vec<String>) -> Result<()> {
    if let Some(profile) = dynamic_hdr.dolby_vision_profile {
        if !dynamic_hdr.dolby_vision_base_layer {
            bail!(
                "it is Dolby Vision profile {profile}, whose picture has wrong colours without its dynamic metadata, \
                 and av1enc does not carry that over; a source with an HDR10 base layer (profile 7 or 8) is needed"
            );
        }
        warnings.push(format!(
            "Dolby Vision (profile {profile}) is left out: the base layer is encoded"
        ));
    }
    Ok(())
}

/// The most bits that are encoded.
const MOST_BITS: u8 = 10;

/// Says what of a picture is finer than what is encoded.
fn tell_of_what_is_finer(subsampling: Subsampling, bit_depth: u8, warnings: &mut Vec<String>) {
    let finer = match subsampling {
        Subsampling::Gray | Subsampling::Yuv420 => None,
        Subsampling::Yuv422 => Some("4:2:2"),
        Subsampling::Yuv444 => Some("4:4:4"),
        Subsampling::Other => Some("another sampling"),
    };
    if let Some(finer) = finer {
        warnings.push(format!(
            "its colours are in {finer}, and 4:2:0 is encoded: some of their detail is lost"
        ));
    }
    if bit_depth > MOST_BITS {
        warnings.push(format!(
            "it has {bit_depth} bit, and {MOST_BITS} are encoded at most"
        ));
    }
}

/// Says what of the picture gets lost, since AV1 has no place for it.
fn tell_of_what_av1_lacks(
    stream: &FfStream,
    frame: &FfFrame,
    (subsampling, pixel_format): (Subsampling, &str),
    warnings: &mut Vec<String>,
) {
    let place = [&frame.color, &stream.color].into_iter().find_map(|color| {
        color
            .chroma_location
            .as_deref()
            .filter(|place| !matches!(*place, "unknown" | "unspecified"))
    });
    // Of other samplings nothing is kept in any case.
    if let Some(place) = place
        .filter(|place| subsampling == Subsampling::Yuv420 && !matches!(*place, "left" | "topleft"))
    {
        warnings.push(format!(
            "the place of its chroma samples ({place}) is left out: AV1 cannot say it"
        ));
    }
    if ["yuva", "ya8", "ya16"]
        .iter()
        .any(|alpha| pixel_format.starts_with(alpha))
        || stream.tag("alpha_mode").or(stream.tag("ALPHA_MODE")) == Some("1")
    {
        warnings.push("transparency is left out: AV1 films have none".to_owned());
    }
}

/// By how many degrees its pictures are to be turned clockwise, as far as these are quarters. What is no quarter most players
/// pass over, and so does av1enc, with a warning.
fn quarter_turns(stream: &FfStream, warnings: &mut Vec<String>) -> u16 {
    let said = stream.side_data_list.iter().find_map(|data| data.rotation);
    // ffprobe counts counter-clockwise.
    let degrees = -said.unwrap_or(0.0);
    let quarters = (degrees / 90.0).round() * 90.0;
    // What ffmpeg takes for a quarter (ffmpeg_filter.c, "autorotate").
    if (degrees - quarters).abs() < 1.0 {
        return quarters.rem_euclid(360.0) as u16;
    }
    warnings.push(format!(
        "the rotation of its pictures by {:.0} degrees is left out: it is not a quarter turn, and most players ignore it",
        degrees.rem_euclid(360.0)
    ));
    0
}

/// The order of fields, if there are any: what a decoder says of a picture is truer than what a container says of all,
/// which knows better how they are stored.
fn fields(stream: &FfStream, frame: &FfFrame) -> Option<Fields> {
    let said = stream.said_fields();
    if frame.interlaced_frame == 0 {
        return said;
    }
    let top_first = frame.top_field_first == 1;
    said.filter(|said| said.top_first() == top_first)
        .or(Some(if top_first { Fields::Tt } else { Fields::Bb }))
}

/// The order of fields by what moves in the pictures, where the container or the headers of the stream (H.264's `pic_struct`)
/// say another one than the decoder, which counts times of fields; `None` where they agree or nothing moves.
pub(super) fn order_of_contradiction(
    tools: &Toolbox,
    input: &Path,
    (stream, frame): (&FfStream, &FfFrame),
) -> Result<Option<Fields>> {
    let (said, shown) = (stream.said_fields(), fields(stream, frame));
    let contradict =
        |said: &Fields| shown.is_some_and(|shown| shown.top_first() != said.top_first());
    let Some(said) = said.filter(contradict) else {
        return Ok(None);
    };
    let seen = top_first_by_motion(tools, input, stream.index)?;
    Ok(seen.and_then(|top_first| {
        if top_first == said.top_first() {
            Some(said)
        } else {
            shown
        }
    }))
}

/// Pictures that are looked at for the order of their fields.
const MOVING: &str = "250";

/// Whether the top field comes first by what moves in the first pictures; `None` if ffmpeg's filter idet cannot tell.
fn top_first_by_motion(tools: &Toolbox, input: &Path, stream: usize) -> Result<Option<bool>> {
    let mut command = Command::new(&tools.ffmpeg);
    command
        .args(["-nostdin", "-hide_banner", "-nostats", "-v", "info", "-i"])
        .arg(file_url(input));
    command.args(["-map", &format!("0:{stream}"), "-frames:v", MOVING]);
    command.args(["-vf", "idet", "-f", "null", "-"]);
    let said = tools.children.finish(command)?.stderr;
    Ok(said.iter().find_map(|line| moves_top_first(line)))
}

/// What one line of idet's says of it, if it does: at least twice as many pictures of one order as of the other.
fn moves_top_first(line: &str) -> Option<bool> {
    // `[Parsed_idet_0 @ 0x55d5b1c4e4c0] Multi frame detection: TFF:    50 BFF:     0 Progressive:     0 Undetermined:     0`
    let (_, counts) = line.split_once("Multi frame detection:")?;
    let count = |name: &str| -> Option<u32> {
        let (_, rest) = counts.split_once(name)?;
        rest.split_whitespace().next()?.parse().ok()
    };
    let (top, bottom) = (count("TFF:")?, count("BFF:")?);
    (top > 2 * bottom || bottom > 2 * top).then_some(top > bottom)
}

/// Chroma sampling and bits per sample of a pixel format by ffmpeg's name; `None` for RGB and palettes.
pub(super) fn pixel_layout(name: &str) -> Option<(Subsampling, u8)> {
    let name = name
        .strip_suffix("le")
        .or_else(|| name.strip_suffix("be"))
        .unwrap_or(name);
    match name {
        "nv12" | "nv21" | "yuva420p" => return Some((Subsampling::Yuv420, 8)),
        "p010" => return Some((Subsampling::Yuv420, 10)),
        "p016" => return Some((Subsampling::Yuv420, 16)),
        "yuyv422" | "uyvy422" | "yvyu422" | "yuva422p" => return Some((Subsampling::Yuv422, 8)),
        "p210" => return Some((Subsampling::Yuv422, 10)),
        "y210" => return Some((Subsampling::Yuv422, 10)),
        "yuva444p" => return Some((Subsampling::Yuv444, 8)),
        _ => (),
    }
    let depth = |text: &str| {
        if text.is_empty() {
            Some(8)
        } else {
            text.parse().ok().filter(|depth| (8..=16).contains(depth))
        }
    };
    if let Some(rest) = name.strip_prefix("gray") {
        return Some((Subsampling::Gray, depth(rest)?));
    }
    let rest = name
        .strip_prefix("yuvj")
        .or_else(|| name.strip_prefix("yuva"))
        .or_else(|| name.strip_prefix("yuv"))?;
    let (sampling, rest) = rest.split_at_checked(3)?;
    let sampling = match sampling {
        "420" => Subsampling::Yuv420,
        "422" => Subsampling::Yuv422,
        "444" => Subsampling::Yuv444,
        "410" | "411" | "440" => Subsampling::Other,
        _ => return None,
    };
    Some((sampling, depth(rest.strip_prefix('p')?)?))
}

pub(super) fn color(stream: &FfStream, frame: &FfFrame, full_by_format: bool) -> Color {
    let first = |of: fn(&FfColor) -> &Option<String>| {
        [&frame.color, &stream.color]
            .into_iter()
            .filter_map(|color| of(color).as_deref())
            .find(|text| !matches!(*text, "unknown" | "unspecified" | "reserved"))
    };
    Color {
        primaries: first(|c| &c.color_primaries)
            .and_then(Color::primaries_code)
            .unwrap_or(UNSPECIFIED),
        transfer: first(|c| &c.color_transfer)
            .and_then(Color::transfer_code)
            .unwrap_or(UNSPECIFIED),
        matrix: first(|c| &c.color_space)
            .and_then(Color::matrix_code)
            .unwrap_or(UNSPECIFIED),
        range: match first(|c| &c.color_range) {
            Some("tv") => Some(Range::Limited),
            Some("pc") => Some(Range::Full),
            _ if full_by_format => Some(Range::Full),
            _ => None,
        },
        chroma_location: match first(|c| &c.chroma_location) {
            Some("left") => Some(ChromaLocation::Left),
            Some("topleft") => Some(ChromaLocation::TopLeft),
            _ => None,
        },
    }
}

/// Static HDR metadata: the first frame's, else the stream's. What is half or impossible is left out with a warning:
/// players do worse with wrong metadata than with none.
pub(super) fn hdr10(stream: &FfStream, frame: &FfFrame, warnings: &mut Vec<String>) -> Hdr10 {
    let find = |kind: &str| {
        let mut all = frame.side_data_list.iter().chain(&stream.side_data_list);
        all.find(|data| data.side_data_type == kind)
    };
    let mut hdr10 = Hdr10::default();
    if let Some(data) = find("Mastering display metadata") {
        let names = [
            "green_x",
            "green_y",
            "blue_x",
            "blue_y",
            "red_x",
            "red_y",
            "white_point_x",
            "white_point_y",
            "max_luminance",
            "min_luminance",
        ];
        let values = names.map(|name| data.value(name));
        if values.iter().all(Option::is_some) {
            match MasteringDisplay::from_values(values.map(|value| value.unwrap_or(f64::NAN))) {
                Ok(mastering) => hdr10.mastering = Some(mastering),
                Err(why) => {
                    warnings.push(format!("the source's mastering display is left out: {why}"))
                }
            }
        } else {
            warnings.push(
                "the source's mastering display is left out: only half of it is there".to_owned(),
            );
        }
    }
    if let Some(data) = find("Content light level metadata") {
        match ContentLight::from_values(
            data.max_content.unwrap_or(0),
            data.max_average.unwrap_or(0),
        ) {
            Ok(content_light) => hdr10.content_light = content_light,
            Err(why) => warnings.push(format!(
                "the source's content light level is left out: {why}"
            )),
        }
    }
    hdr10
}

fn dynamic_hdr(stream: &FfStream, frame: &FfFrame) -> DynamicHdr {
    let dovi = stream
        .side_data_list
        .iter()
        .find(|data| data.dv_profile.is_some());
    DynamicHdr {
        dolby_vision_profile: dovi.and_then(|data| data.dv_profile),
        // 0: no base layer that can be shown alone; 1: HDR10; 2: SDR; 4: HLG; 6: Blu-ray HDR10 (Dolby Vision streams
        // within the ISO base media file format, 2.2).
        dolby_vision_base_layer: dovi
            .is_some_and(|data| data.dv_bl_signal_compatibility_id.unwrap_or(0) != 0),
        hdr10_plus: extras(stream, frame).contains(&Extra::Hdr10Plus),
    }
}

/// What the first pictures carry beside themselves, and what the container says that pictures do.
fn extras(stream: &FfStream, frame: &FfFrame) -> Vec<Extra> {
    let of_stream = [
        (stream.closed_captions == 1).then_some(Extra::Captions),
        stream
            .side_data_list
            .iter()
            .any(|data| data.dv_profile.is_some())
            .then_some(Extra::DolbyVision),
    ];
    let own = frame
        .side_data_list
        .iter()
        .filter_map(|data| Extra::named(&data.side_data_type));
    let mut extras = Vec::new();
    for extra in of_stream
        .into_iter()
        .flatten()
        .chain(own)
        .chain(frame.later.iter().copied())
    {
        if !extras.contains(&extra) {
            extras.push(extra);
        }
    }
    extras
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(json: serde_json::Value) -> FfStream {
        serde_json::from_value(json).unwrap()
    }

    fn frame(json: serde_json::Value) -> FfFrame {
        serde_json::from_value(json).unwrap()
    }

    fn mastering(min: &str, green_x: &str) -> serde_json::Value {
        serde_json::json!({
            "side_data_type": "Mastering display metadata",
            "red_x": "35400/50000", "red_y": "14600/50000", "green_x": green_x, "green_y": "39850/50000",
            "blue_x": "6550/50000", "blue_y": "2300/50000", "white_point_x": "15635/50000",
            "white_point_y": "16450/50000", "min_luminance": min, "max_luminance": "10000000/10000"
        })
    }

    fn hdr_of(
        frame_data: serde_json::Value,
        stream_data: serde_json::Value,
    ) -> (Hdr10, Vec<String>) {
        let mut warnings = Vec::new();
        let hdr10 = hdr10(
            &stream(serde_json::json!({"side_data_list": stream_data})),
            &frame(serde_json::json!({"side_data_list": frame_data})),
            &mut warnings,
        );
        (hdr10, warnings)
    }

    #[test]
    fn what_is_finer_than_what_is_encoded_is_said() {
        let said = |format| {
            let (subsampling, bit_depth) = pixel_layout(format).unwrap();
            let mut warnings = Vec::new();
            tell_of_what_is_finer(subsampling, bit_depth, &mut warnings);
            warnings.join("; ")
        };
        for kept in ["yuv420p", "yuvj420p", "gray", "yuv420p10le", "gray10le"] {
            assert_eq!(said(kept), "", "{kept}");
        }
        assert!(said("yuv444p12le").contains("4:4:4") && said("yuv444p12le").contains("12 bit"));
        assert!(said("yuv422p10le").contains("4:2:2") && !said("yuv422p10le").contains("10 are"));
        assert!(said("yuv411p").contains("another sampling"));
    }

    #[test]
    fn hdr10_of_the_frame_wins_and_is_exact() {
        let light = serde_json::json!({"side_data_type": "Content light level metadata", "max_content": 949, "max_average": 438});
        let (hdr10, warnings) = hdr_of(
            serde_json::json!([mastering("1/10000", "8500/50000"), light]),
            serde_json::json!([mastering("50/10000", "8500/50000")]),
        );
        assert_eq!(
            hdr10.mastering.unwrap().to_string(),
            "G(0.1700,0.7970)B(0.1310,0.0460)R(0.7080,0.2920)WP(0.3127,0.3290)L(1000.0000,0.0001)"
        );
        assert_eq!(
            hdr10.content_light,
            Some(ContentLight {
                max_cll: 949,
                max_fall: 438
            })
        );
        assert!(warnings.is_empty());
    }

    #[test]
    fn hdr10_of_the_stream_is_the_fallback() {
        let (hdr10, _) = hdr_of(
            serde_json::json!([]),
            serde_json::json!([mastering("50/10000", "8500/50000")]),
        );
        assert_eq!(hdr10.mastering.unwrap().min_luminance, 0.005);
    }

    #[test]
    fn half_negative_and_absurd_metadata_is_left_out_with_a_warning() {
        let half = serde_json::json!([{"side_data_type": "Mastering display metadata", "red_x": "35400/50000"}]);
        let absurd_light = serde_json::json!([{"side_data_type": "Content light level metadata", "max_content": 4_000_000, "max_average": 1}]);
        for (data, word) in [
            (half, "half"),
            (
                serde_json::json!([mastering("-1/10000", "8500/50000")]),
                "luminance",
            ),
            (
                serde_json::json!([mastering("1/10000", "-8500/50000")]),
                "green",
            ),
            (
                serde_json::json!([mastering("1/0", "8500/50000")]),
                "not a number",
            ),
            (absurd_light, "content light"),
        ] {
            let (hdr10, warnings) = hdr_of(data, serde_json::json!([]));
            assert!(hdr10.is_empty());
            assert!(
                warnings.len() == 1 && warnings[0].contains(word),
                "{warnings:?}"
            );
        }
    }

    #[test]
    fn pixel_formats_are_taken_apart() {
        assert_eq!(pixel_layout("yuv420p10le"), Some((Subsampling::Yuv420, 10)));
        assert_eq!(pixel_layout("yuvj420p"), Some((Subsampling::Yuv420, 8)));
        assert_eq!(pixel_layout("yuv444p"), Some((Subsampling::Yuv444, 8)));
        assert_eq!(
            pixel_layout("yuva420p10le"),
            Some((Subsampling::Yuv420, 10))
        );
        assert_eq!(pixel_layout("gray12le"), Some((Subsampling::Gray, 12)));
        assert_eq!(pixel_layout("p010le"), Some((Subsampling::Yuv420, 10)));
        for rgb in [
            "gbrp",
            "rgb24",
            "pal8",
            "yuv",
            "yuv42",
            "bayer_rggb8",
            "yuv420p99le",
        ] {
            assert_eq!(pixel_layout(rgb), None, "{rgb}");
        }
    }

    #[test]
    fn dolby_vision_without_a_base_layer_is_refused_and_with_one_is_a_warning() {
        let source = |compatible: u8, profile: u8| {
            stream(serde_json::json!({
                "pix_fmt": "yuv420p10le", "width": 3840, "height": 2160, "side_data_list":
                [{"side_data_type": "DOVI configuration record", "dv_profile": profile, "dv_bl_signal_compatibility_id": compatible}]
            }))
        };
        let mut warnings = Vec::new();
        let error = video(&source(0, 5), &FfFrame::default(), &mut warnings).unwrap_err();
        assert!(error.to_string().contains("profile 5"));
        video(&source(1, 8), &FfFrame::default(), &mut warnings).unwrap();
        assert!(warnings[0].contains("Dolby Vision (profile 8)"));
    }

    #[test]
    fn the_order_of_fields_is_what_moves_and_nothing_where_that_is_not_clear() {
        let line = |top, bottom| {
            format!(
                "[Parsed_idet_0 @ 0x55] Multi frame detection: TFF: {top:>5} BFF: {bottom:>5} Progressive:     0"
            )
        };
        for (top, bottom, first) in [
            (50, 0, Some(true)),
            (3, 40, Some(false)),
            (0, 0, None),
            (20, 15, None),
        ] {
            assert_eq!(moves_top_first(&line(top, bottom)), first, "{top} {bottom}");
        }
        assert_eq!(
            moves_top_first("Single frame detection: TFF: 9 BFF: 0"),
            None
        );
    }

    #[test]
    fn rotation_is_clockwise() {
        let json = serde_json::json!({"pix_fmt": "yuv420p", "width": 64, "height": 64, "side_data_list": [{"side_data_type": "Display Matrix", "rotation": -90}]});
        assert_eq!(
            video(&stream(json), &FfFrame::default(), &mut Vec::new())
                .unwrap()
                .rotation,
            90
        );
    }

    #[test]
    fn a_turn_that_is_no_quarter_is_left_out_and_said() {
        let turned = |rotation: f64| {
            let json = serde_json::json!({"side_data_list": [{"rotation": rotation}]});
            let mut warnings = Vec::new();
            (quarter_turns(&stream(json), &mut warnings), warnings.len())
        };
        for (rotation, turns) in [(-180.0, 180), (90.4, 270), (-359.5, 0), (0.0, 0)] {
            assert_eq!(turned(rotation), (turns, 0), "{rotation}");
        }
        for rotation in [-45.0, 44.0, 88.0, -178.9] {
            assert_eq!(turned(rotation), (0, 1), "{rotation}");
        }
    }
}
