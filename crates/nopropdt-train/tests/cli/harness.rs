//! A folder to run commands in, and what most tests ask of a command.

use assert_cmd::Command;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::OnceLock;
use tempfile::TempDir;

/// Path of the program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_nopropdt-train");

/// The command that the program names for bringing a dataset: its own where it has one.
pub const FETCH: &str =
    if cfg!(feature = "fetch") { "nopropdt-train fetch" } else { "cargo xtask fetch-data" };

/// A run of well under a second.
const TINY: [(&str, &str); 4] =
    [("limit-train", "128"), ("limit-test", "60"), ("steps", "2"), ("epochs", "2")];

/// The flags of a tiny run, changed and extended by `own`, written `name=value` or, for switches, `name`.
pub fn tiny(own: &[&str]) -> Vec<String> {
    let name = |flag: &str| flag.split('=').next().unwrap_or_default().to_owned();
    let default = TINY.into_iter().filter(|(flag, _)| own.iter().all(|own| name(own) != *flag));
    let default = default.map(|(flag, value)| format!("--{flag}={value}"));
    let own = own.iter().map(|flag| format!("--{flag}"));
    default.chain(own).chain(["--no-progress".to_owned()]).collect()
}

/// A test's folder.
pub struct Sandbox {
    folder: TempDir,
}

/// Contents of every file below a folder.
pub type Snapshot = BTreeMap<PathBuf, Vec<u8>>;

impl Sandbox {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub fn text(&self, name: &str) -> String {
        String::from_utf8(self.read(name)).unwrap()
    }

    pub fn json(&self, name: &str) -> Value {
        serde_json::from_str(&self.text(name)).unwrap()
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    pub fn exists(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    /// Names in a folder, sorted.
    pub fn names(&self, folder: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path(folder)).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    pub fn snapshot(&self) -> Snapshot {
        let mut found = Snapshot::new();
        collect(self.folder.path(), &mut found);
        found
    }

    /// The program in this folder, free of the tester's own settings; the user's cache folder is `cache`.
    pub fn command(&self) -> Command {
        let mut command = Command::new(PROGRAM);
        command.current_dir(self.folder.path());
        for name in ["NOPROPDT_ISA", "NOPROPDT_DATA_DIR", "RUST_BACKTRACE"] {
            command.env_remove(name);
        }
        command.env("XDG_CACHE_HOME", self.path("cache")).env("LOCALAPPDATA", self.path("cache"));
        command
    }

    /// Runs the program and expects success.
    #[track_caller]
    pub fn ok<I: AsRef<str>>(&self, arguments: impl IntoIterator<Item = I>) -> Output {
        let output = self.output(arguments);
        assert!(output.status.success(), "{}\n{}", output.status, stderr(&output));
        output
    }

    /// Runs the program.
    pub fn output<I: AsRef<str>>(&self, arguments: impl IntoIterator<Item = I>) -> Output {
        let arguments: Vec<String> =
            arguments.into_iter().map(|argument| argument.as_ref().to_owned()).collect();
        self.command().args(arguments).output().unwrap()
    }

    /// A tiny run into `out` that succeeds.
    #[track_caller]
    pub fn train(&self, out: &str, own: &[&str]) -> Output {
        self.ok(tiny(&[own, &[&format!("out={out}")]].concat()))
    }

    /// Runs the program and expects it to refuse with `code` and one line that holds all of `words`, having changed
    /// no file. The line is handed back.
    #[track_caller]
    pub fn refused<I: AsRef<str>>(
        &self,
        code: i32,
        words: &[&str],
        arguments: impl IntoIterator<Item = I>,
    ) -> String {
        let before = self.snapshot();
        let output = self.output(arguments);
        let message = complaint(&output, code);
        assert!(words.iter().all(|word| message.contains(word)), "{message}\nlacks one of {words:?}");
        assert!(self.snapshot() == before, "files changed: {:?}", self.snapshot().keys());
        message
    }
}

fn collect(folder: &Path, found: &mut Snapshot) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else {
            found.insert(path.clone(), std::fs::read(&path).unwrap());
        }
    }
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The one line of a failed command's complaint: the only one, or, from the argument parser, the first above its hint.
#[track_caller]
pub fn complaint(output: &Output, code: i32) -> String {
    let text = stderr(output);
    assert_eq!(output.status.code(), Some(code), "{}\n{text}", output.status);
    assert!(!text.contains("panicked"), "{text}");
    let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
    assert!(first.starts_with("error: "), "{text}");
    assert!(rest.is_empty() || rest.contains("try '--help'"), "more than one line:\n{text}");
    // The parser lists valid values on a line of their own.
    text.lines().take_while(|line| !line.starts_with("Usage")).collect::<Vec<_>>().join(" ")
}

/// Files of one tiny run, made once for all tests that only read them: (model.safetensors, summary.json).
pub fn example() -> &'static (Vec<u8>, Value) {
    static EXAMPLE: OnceLock<(Vec<u8>, Value)> = OnceLock::new();
    EXAMPLE.get_or_init(|| {
        let sandbox = Sandbox::new();
        sandbox.train("run", &["seed=11"]);
        (sandbox.read("run/model.safetensors"), sandbox.json("run/summary.json"))
    })
}
