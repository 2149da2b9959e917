//! Encoders that misbehave: scripts that answer questions by the real one, and do something of their own with a chunk.

use std::{
    env, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use serde_json::Value;

use crate::{clips, run::Run};

/// The encoder that av1enc finds here.
pub fn real() -> &'static Path {
    static REAL: OnceLock<PathBuf> = OnceLock::new();
    REAL.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let doctor: Value = serde_json::from_str(
            &Run::bare(dir.path())
                .args(["doctor", "--json"])
                .ends()
                .stdout,
        )
        .unwrap();
        let check = doctor["checks"]
            .as_array()
            .unwrap()
            .iter()
            .find(|check| check["name"] == "SvtAv1EncApp")
            .unwrap();
        PathBuf::from(check["path"].as_str().unwrap())
    })
}

/// The old encoder of the distribution, which `./setup test` unpacks.
pub fn old() -> Option<PathBuf> {
    private("svt-av1-distro/bin/SvtAv1EncApp")
}

/// What `./setup` has put into its private directory.
pub fn private(path: &str) -> Option<PathBuf> {
    let data = env::var_os("XDG_DATA_HOME").map(PathBuf::from);
    let data = data.or_else(|| Some(env::home_dir()?.join(".local/share")))?;
    Some(data.join("av1enc").join(path)).filter(|path| path.exists())
}

/// Writes an encoder that does `on_chunk` (shell), and unless that ends it, what the real one does; so it does, and
/// nothing else, with the trial that comes before all chunks. In the shell's variable `chunk` is the number of the chunk, `00002` for example.
///
/// The real one replaces the script, so that the process that av1enc has started is the encoder. It runs in the job
/// directory, `OUTPUT.av1enc`; the script is beside that in `lab`, and so is what it leaves: `../lab/tries`.
pub fn script(dir: &Path, on_chunk: &str) -> PathBuf {
    let lab = dir.join("lab");
    fs::create_dir(&lab).unwrap();
    let path = lab.join("SvtAv1EncApp");
    let real = real().to_str().unwrap();
    let real = shlex::try_quote(real).unwrap();
    let text = format!(
        "#!/bin/sh\ncase $1 in --version | --help) exec {real} \"$1\" ;; esac\n\
         case $* in *chunks/*) ;; *) exec {real} \"$@\" ;; esac\n\
         chunk=${{*##*chunks/}} chunk=${{chunk%%.*}}\n{on_chunk}\nexec {real} \"$@\"\n"
    );
    // Under its name only when it is whole: another thread's fork must not hold it open for writing at our exec.
    let part = lab.join("encoder.new");
    fs::write(&part, text).unwrap();
    fs::set_permissions(&part, fs::Permissions::from_mode(0o755)).unwrap();
    fs::rename(&part, &path).unwrap();
    path
}

#[test]
fn what_the_encoder_refuses_is_said_before_anything_long_begins() {
    let dir = tempfile::tempdir().unwrap();
    // Every value is in its range; what the encoder refuses is that there are both.
    let run = Run::encode(dir.path(), clips::one_scene(), "out.mkv")
        .arg("--encoder-path")
        .arg(real());
    let run = run.args([
        "--json",
        "-v",
        "--pred-struct 1 --enable-overlays 1 --tile-rows 6 --tile-columns 4 --superres-mode 4 --resize-mode 1",
    ]);
    let run = run.fails(2).says("Svt[error]");
    run.expect(!run.stdout.contains("\"index\""), "no index is built");
}

#[test]
fn a_job_with_finished_chunks_goes_on_without_a_trial() {
    let dir = tempfile::tempdir().unwrap();
    let encoder = script(dir.path(), "[ $chunk != 00004 ] || exit 9");
    let run = || {
        Run::encode(dir.path(), clips::five_scenes(), "out.mkv")
            .arg("--encoder-path")
            .arg(&encoder)
    };
    let _ = run().fails(1);
    // From now on it refuses everything but the chunk that is missing.
    let text = fs::read_to_string(&encoder).unwrap();
    let text = text
        .replace("*chunks/*) ;; *) exec", "*chunks/*) ;; *) exit 9; exec")
        .replace("|| exit 9", "|| :");
    fs::write(dir.path().join("lab/new"), text).unwrap();
    fs::set_permissions(
        dir.path().join("lab/new"),
        fs::Permissions::from_mode(0o755),
    )
    .unwrap();
    fs::rename(dir.path().join("lab/new"), &encoder).unwrap();
    run().succeeds();
    // A job that begins anew is tried.
    fs::remove_file(dir.path().join("out.mkv")).unwrap();
    let _ = run().fails(2).says("exited with status 9");
}
