//! Languages, by whichever code a file or a user names them: ISO 639-1, both of ISO 639-2, ISO 639-3, or a tag of BCP 47.

use std::str::FromStr;

use isolang::Language as Known;
use serde::{Deserialize, Serialize};

/// Languages with two codes in ISO 639-2: the one of their own name, which mp4 and broadcasts have, and the one of the English
/// name, which Matroska has and mkvmerge makes of the other.
const TWO_CODES: [(&str, &str); 20] = [
    ("sqi", "alb"),
    ("hye", "arm"),
    ("eus", "baq"),
    ("bod", "tib"),
    ("mya", "bur"),
    ("ces", "cze"),
    ("zho", "chi"),
    ("cym", "wel"),
    ("deu", "ger"),
    ("nld", "dut"),
    ("ell", "gre"),
    ("fas", "per"),
    ("fra", "fre"),
    ("kat", "geo"),
    ("isl", "ice"),
    ("mkd", "mac"),
    ("mri", "mao"),
    ("msa", "may"),
    ("ron", "rum"),
    ("slk", "slo"),
];

/// The code of a language as Matroska has it.
#[must_use]
pub fn matroskas_code(code: &str) -> &str {
    let known = TWO_CODES.iter().find(|(own, _)| *own == code);
    known.map_or(code, |(_, matroskas)| matroskas)
}

/// A language, and what narrows it: `pt` and `BR`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Language {
    /// Its code by ISO 639-3, in small letters; of a language that has none, what names it.
    code: String,
    /// The further parts of its tag, in small letters.
    parts: Vec<String>,
}

impl Language {
    /// The language of a track, of which a file says this; `und` where it says nothing.
    #[must_use]
    pub fn of_track(tag: Option<&str>) -> Self {
        let tag = tag.unwrap_or("und").to_ascii_lowercase();
        let mut parts = tag.split(['-', '_']).map(str::to_owned);
        let first = parts.next().unwrap_or_default();
        Self {
            code: code(&first).unwrap_or(first),
            parts: parts.collect(),
        }
    }

    /// Whether a track of the language `other` is meant by it: `pt` means `pt-BR` and `por`, and `pt-BR` does not mean `por`.
    #[must_use]
    pub fn means(&self, other: &Self) -> bool {
        let has = |part: &String| other.parts.contains(part);
        self.code == other.code && self.parts.iter().all(has)
    }
}

/// What a user types.
impl FromStr for Language {
    type Err = String;

    fn from_str(tag: &str) -> Result<Self, String> {
        let language = Self::of_track(Some(tag.trim()));
        match code(&language.code) {
            Some(_) => Ok(language),
            None => Err(format!(
                "`{tag}` is no code of a language: they are called eng, de or pt-BR for example, and und where a track names none"
            )),
        }
    }
}

/// The code by ISO 639-3 of the language that is called `name`, in small letters.
fn code(name: &str) -> Option<String> {
    let own = TWO_CODES.iter().find(|(_, matroskas)| *matroskas == name);
    let name = own.map_or(name, |(own, _)| own);
    let known = match name.len() {
        2 => Known::from_639_1(name),
        3 => Known::from_639_3(name),
        _ => None,
    };
    // Those for local use are nobody's, and a film may have them all the same.
    let is_local = name.len() == 3 && ("qaa"..="qtz").contains(&name);
    known
        .map(|known| known.to_639_3().to_owned())
        .or(is_local.then(|| name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn means(wanted: &str, track: &str) -> bool {
        let track = Language::of_track(Some(track).filter(|tag| !tag.is_empty()));
        wanted.parse::<Language>().unwrap().means(&track)
    }

    #[test]
    fn all_codes_of_a_language_mean_the_same() {
        for wanted in ["ger", "deu", "de", "DE", "Ger"] {
            for track in ["ger", "deu", "de", "de-AT"] {
                assert!(means(wanted, track), "{wanted} {track}");
            }
        }
        for (own, matroskas) in TWO_CODES {
            assert!(means(own, matroskas) && means(matroskas, own), "{own}");
            assert!(Known::from_639_3(own).is_some(), "{own}");
        }
        assert!(means("und", "") && means("mul", "mul") && means("qaa", "qaa"));
        assert!(!means("und", "eng") && !means("eng", "") && !means("rus", "ukr"));
    }

    #[test]
    fn a_tag_means_what_it_narrows_and_no_more() {
        assert!(means("por", "pt-BR") && means("pt", "PT_br") && means("pt-br", "pt-BR"));
        assert!(!means("pt-BR", "por") && !means("pt-BR", "pt-PT"));
        assert!(means("zh-Hant", "zh-Hant-TW"));
    }

    #[test]
    fn what_is_no_code_is_answered_with_some() {
        for wrong in ["english", "xx", "e", "", "eng;rus"] {
            let said = wrong.parse::<Language>().unwrap_err();
            assert!(said.contains("eng, de or pt-BR"), "{said}");
        }
    }
}
