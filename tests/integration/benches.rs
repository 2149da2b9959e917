//! What the benches reckon on paper is right; what they measure is not tested.

use std::{path::Path, process::Command};

#[test]
fn the_simulated_cluster_agrees_with_what_is_computed_by_hand() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/simulated_test.py");
    let run = Command::new("python3").arg(cases).output().unwrap();
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{said}");
    // It exits with 0 as well where it has found no test.
    assert!(
        said.contains("\nOK\n") && !said.contains("Ran 0 "),
        "{said}"
    );
}
