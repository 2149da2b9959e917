//! A history as one page for a browser, which needs nothing from elsewhere.
//!
//! Names and reasons are hostile: they are data in the page, which its script shows as text and nothing else, and the page's
//! policy lets no other script run and nothing be fetched.

use anyhow::Result;
use serde::Serialize;

use super::{
    record::{Moment, Record, Status},
    sum::Films,
};

/// How every page begins.
pub const BEGINNING: &str = "<!doctype html><!-- made by av1enc history -->";

const FRAME: &str = include_str!("page/page.html");
const STYLE: &str = include_str!("page/page.css");
const SCRIPT: &str = include_str!("page/page.js");

/// What the page is told of a film.
#[derive(Serialize)]
struct Row<'a> {
    status: Status,
    source: &'a str,
    output: &'a str,
    host: &'a str,
    encoder: Option<&'a str>,
    codec: Option<&'a str>,
    resolution: Option<&'a str>,
    hdr: Option<&'a str>,
    class: Option<&'a str>,
    crf: Option<String>,
    preset: Option<String>,
    before: Option<u64>,
    after: Option<u64>,
    finished: Moment,
    fps: Option<f64>,
    reason: Option<&'a str>,
}

impl<'a> Row<'a> {
    fn of(film: &'a Record) -> Self {
        let setting = |name: &str| {
            let value = film.settings.get(name)?;
            Some(
                value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned),
            )
        };
        Self {
            status: film.status,
            source: &film.source_path,
            output: &film.output_path,
            host: &film.host,
            encoder: film.encoder.as_deref(),
            codec: film.codec.as_deref(),
            resolution: film.resolution.as_deref(),
            hdr: film.hdr.as_deref(),
            class: film.class.as_deref(),
            crf: setting("crf"),
            preset: setting("preset"),
            before: film.original_bytes,
            after: film.new_bytes,
            finished: film.finished_at,
            fps: film.fps,
            reason: film.reason.as_deref(),
        }
    }
}

/// The page of these films.
///
/// # Errors
/// None that a string gives.
pub fn of(films: &Films) -> Result<String> {
    let rows: Vec<Row<'_>> = films.films.iter().map(Row::of).collect();
    // Whatever a film is called, it ends no element.
    let data = serde_json::to_string(&rows)?.replace('<', "\\u003c");
    // Who knows it has read the whole page: nothing in the data does.
    let nonce = blake3::hash(data.as_bytes()).to_hex();
    let frame = FRAME
        .replace("{nonce}", &nonce)
        .replace("{style}", STYLE)
        .replace("{script}", SCRIPT);
    let body = frame.replace("{data}", &data);
    Ok(format!("{BEGINNING}\n{body}"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::history::file::History;

    #[test]
    fn no_name_ends_the_data() {
        let name = "/</script><script>alert(1)</script><!--{script}.mkv";
        let record = Record::begin(Path::new(name), Path::new("/o"));
        let records = vec![record];
        let films = Films::of(vec![History {
            records,
            ..History::default()
        }]);
        let page = of(&films).unwrap();
        assert_eq!(page.matches("<script").count(), 2, "{page}");
        assert!(page.contains("\\u003c!--{script}.mkv"));
        assert!(page.starts_with(BEGINNING));
    }
}
