//! Tags of a film and of its picture: from what ffprobe says of the source into the XML that mkvmerge takes.

use std::collections::HashMap;

/// What containers say of themselves, of the programs that wrote them and of their own bytes, which is not true of another
/// file; and what becomes something else than a tag.
const NOT_KEPT: [&str; 41] = [
    "TITLE",
    "ENCODER",
    "MAJOR_BRAND",
    "MINOR_VERSION",
    "COMPATIBLE_BRANDS",
    "HANDLER_NAME",
    "VENDOR_ID",
    "LANGUAGE",
    "STEREO_MODE",
    "ALPHA_MODE",
    "ROTATE",
    "BPS",
    "DURATION",
    "NUMBER_OF_FRAMES",
    "NUMBER_OF_BYTES",
    "SOURCE_ID",
    "METADATACREATOR",
    "HASKEYFRAMES",
    "HASVIDEO",
    "HASAUDIO",
    "HASMETADATA",
    "HASCUEPOINTS",
    "CANSEEKTOEND",
    "DATASIZE",
    "VIDEOSIZE",
    "AUDIOSIZE",
    "LASTTIMESTAMP",
    "LASTKEYFRAMETIMESTAMP",
    "LASTKEYFRAMELOCATION",
    "FILESIZE",
    "TOTALDURATION",
    "BYTELENGTH",
    "FRAMERATE",
    "VIDEODATARATE",
    "AUDIODATARATE",
    "WIDTH",
    "HEIGHT",
    "VARIANT_BITRATE",
    "ENC_KEY_ID",
    "SOFTWARE",
    "IAS",
];

/// The tags that are kept, by their names in Matroska, in order.
#[must_use]
pub fn kept(tags: &HashMap<String, String>) -> Vec<(String, String)> {
    // Of one time ffmpeg shows fractions in one place and none in another.
    let value = |value: &str| value.trim().replace(".000000Z", "Z");
    let named = |(name, text): (&String, &String)| (named(name), value(text));
    let mut kept: Vec<(String, String)> = tags.iter().map(named).collect();
    kept.sort();
    let plain = kept.clone();
    kept.retain(|(name, value)| {
        let (base, language) = in_language(name);
        let statistics = name.starts_with('_') || NOT_KEPT.contains(&base);
        // ffmpeg shows some twice: with their language and without.
        let twice = language.is_some()
            && plain
                .iter()
                .any(|(other, same)| other == base && same == value);
        !statistics && !twice && !value.is_empty()
    });
    kept
}

/// Names of a track's tags that mkvmerge takes for old ones, and what it writes instead (convert_old of its tags.cpp).
const OLD: [(&str, &str); 2] = [("DATE", "DATE_RELEASED"), ("CATALOG", "CATALOG_NUMBER")];

/// The tags of a track, in order, as mkvmerge writes them.
#[must_use]
pub fn as_of_a_track(mut tags: Vec<(String, String)>) -> Vec<(String, String)> {
    for (name, _) in &mut tags {
        if let Some((_, new)) = OLD.iter().find(|(old, _)| old == name) {
            *name = (*new).to_owned();
        }
    }
    tags.sort();
    tags
}

/// As ffmpeg writes names into Matroska.
fn named(name: &str) -> String {
    match name.rsplit_once('-').filter(|(_, code)| is_language(code)) {
        Some((base, code)) => format!("{}-{code}", named(base)),
        None => name.to_uppercase().replace(' ', "_"),
    }
}

fn is_language(code: &str) -> bool {
    code.len() == 3 && code.bytes().all(|c| c.is_ascii_lowercase())
}

/// Name and language of a tag, as ffmpeg shows them: `LOCATION-eng`.
fn in_language(name: &str) -> (&str, Option<&str>) {
    match name.rsplit_once('-').filter(|(_, code)| is_language(code)) {
        Some((base, code)) => (base, Some(code)),
        None => (name, None),
    }
}

/// The XML of mkvmerge's options `--global-tags` and `--tags`.
#[must_use]
pub fn xml(tags: &[(String, String)]) -> String {
    let mut text =
        String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Tags><Tag><Targets/>\n");
    for (name, value) in tags {
        let (name, language) = in_language(name);
        let language = language.map_or(String::new(), |code| {
            format!("<TagLanguage>{code}</TagLanguage>")
        });
        let (name, value) = (escaped(name), escaped(value));
        text +=
            &format!("<Simple><Name>{name}</Name>{language}<String>{value}</String></Simple>\n");
    }
    text + "</Tag></Tags>\n"
}

/// Text between elements; what XML has no way to say is left out.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '\r' => escaped += "&#13;",
            '\n' | '\t' => escaped.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => (),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_kept_once_without_what_is_true_of_the_file_alone() {
        let tags = [
            ("title", "x"),
            ("artist", "N. N."),
            ("com.apple.quicktime.make", "A camera"),
            ("location", "+48.8+002.3/"),
            ("location-eng", "+48.8+002.3/"),
            ("comment-fre", "Bonjour"),
            ("major_brand", "isom"),
            ("DURATION-eng", "00:00:04.000000000"),
            ("_STATISTICS_TAGS-eng", "BPS"),
            ("genre", " "),
        ];
        let tags = tags
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        let kept = kept(&tags);
        let kept: Vec<(&str, &str)> = kept
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let wanted = [
            ("ARTIST", "N. N."),
            ("COM.APPLE.QUICKTIME.MAKE", "A camera"),
            ("COMMENT-fre", "Bonjour"),
            ("LOCATION", "+48.8+002.3/"),
        ];
        assert_eq!(kept, wanted);
    }

    #[test]
    fn tags_of_a_track_have_the_names_that_mkvmerge_writes() {
        let tags = |names: [&str; 3]| names.map(|name| (name.to_owned(), "x".to_owned())).to_vec();
        assert_eq!(
            as_of_a_track(tags(["CATALOG", "COMMENT", "DATE"])),
            tags(["CATALOG_NUMBER", "COMMENT", "DATE_RELEASED"])
        );
    }

    #[test]
    fn tags_become_elements_of_xml() {
        let tags = [("COMMENT-fre".to_owned(), "<a> & \u{1}b".to_owned())];
        let xml = xml(&tags);
        let simple = "<Simple><Name>COMMENT</Name><TagLanguage>fre</TagLanguage><String>&lt;a&gt; &amp; b</String></Simple>";
        assert!(xml.contains(simple), "{xml}");
    }
}
