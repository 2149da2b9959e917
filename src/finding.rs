//! What was compared of source and output, with what, and what came of it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One property of a film: what the source has, what the output has, who says so, and whether they agree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What was compared: `frames`, `sound track 1`.
    pub what: String,
    /// What the source has, or what was wanted.
    pub source: String,
    /// What the output has.
    pub output: String,
    /// How that was found out.
    pub by: String,
    /// Whether they agree.
    pub agrees: bool,
}

impl Finding {
    /// Two things that have to be the same.
    pub fn same<T: PartialEq + fmt::Display>(
        what: impl Into<String>,
        source: T,
        output: T,
        by: &str,
    ) -> Self {
        let agrees = source == output;
        Self::new(what, source.to_string(), output.to_string(), by, agrees)
    }

    /// Two things, and whether they agree.
    pub fn new(
        what: impl Into<String>,
        source: impl Into<String>,
        output: impl Into<String>,
        by: impl Into<String>,
        agrees: bool,
    ) -> Self {
        Self {
            what: what.into(),
            source: source.into(),
            output: output.into(),
            by: by.into(),
            agrees,
        }
    }
}

/// `frames: 240 in the source, 239 in the output (packets, counted by ffprobe)`.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            what,
            source,
            output,
            by,
            ..
        } = self;
        write!(
            f,
            "{what}: {source} in the source, {output} in the output ({by})"
        )
    }
}

/// The output is not what it has to be.
#[derive(Debug)]
pub struct Unproven(pub Vec<Finding>);

impl fmt::Display for Unproven {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wrong: Vec<String> = self
            .0
            .iter()
            .filter(|finding| !finding.agrees)
            .map(Finding::to_string)
            .collect();
        f.write_str(&wrong.join("\n"))
    }
}

impl std::error::Error for Unproven {}

/// The findings, if all agree.
///
/// # Errors
/// [`Unproven`] if one does not.
pub fn all_agree(findings: Vec<Finding>) -> Result<Vec<Finding>, Unproven> {
    if findings.iter().all(|finding| finding.agrees) {
        Ok(findings)
    } else {
        Err(Unproven(findings))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_finding_that_does_not_agree_is_named() {
        let findings = vec![
            Finding::same("frames", 240, 240, "counted"),
            Finding::same("chapters", 3, 2, "counted"),
            Finding::new(
                "sound track 1",
                "1000 packets",
                "999 packets",
                "hashes",
                false,
            ),
        ];
        let error = all_agree(findings.clone()).unwrap_err().to_string();
        assert_eq!(
            error,
            "chapters: 3 in the source, 2 in the output (counted)\n\
             sound track 1: 1000 packets in the source, 999 packets in the output (hashes)"
        );
        assert_eq!(all_agree(findings[..1].to_vec()).unwrap().len(), 1);
    }
}
