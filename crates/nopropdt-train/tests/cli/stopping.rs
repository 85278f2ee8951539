//! Kills and interruptions: a resumed run ends with the bits of one that was never stopped.

use crate::harness::{PROGRAM, Sandbox, complaint, tiny};
use nopropdt_train::checkpoint::Checkpoint;
use std::io::{BufRead, BufReader, Lines};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime};

/// A run of several epochs, each long enough (some tenths of a second) to be stopped in.
const LONG: [&str; 4] = ["limit-train=512", "batch-size=32", "epochs=5", "out=run"];
const RESUME: [&str; 3] = ["--resume", "run", "--no-progress"];
/// A run's eight files, and its lock.
const FILES: usize = 9;

/// The model of that run when nobody stops it.
fn uninterrupted() -> &'static [u8] {
    static MODEL: OnceLock<Vec<u8>> = OnceLock::new();
    MODEL.get_or_init(|| {
        let sandbox = Sandbox::new();
        sandbox.ok(tiny(&LONG));
        sandbox.read("run/model.safetensors")
    })
}

/// A program whose signals do what they do by default, though whoever runs the tests may ignore some (`nohup`, a background job).
fn with_default_signals(program: &str) -> Command {
    if !cfg!(target_os = "linux") {
        return Command::new(program);
    }
    let mut command = Command::new("env");
    command.args(["--default-signal=HUP,INT,TERM,XCPU", program]);
    command
}

fn start(sandbox: &Sandbox, arguments: impl IntoIterator<Item = String>) -> Child {
    let mut command = with_default_signals(PROGRAM);
    command.args(arguments).current_dir(sandbox.path("")).env_remove("NOPROPDT_ISA");
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

/// A program whose lines are read as it writes them.
struct Heard {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Heard {
    fn start(sandbox: &Sandbox, arguments: impl IntoIterator<Item = String>) -> Self {
        let mut command = with_default_signals(PROGRAM);
        command.args(arguments).current_dir(sandbox.path("")).env_remove("NOPROPDT_ISA");
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// Waits for a line that begins so.
    fn hear(&mut self, beginning: &str) {
        let heard = self.lines.by_ref().map(Result::unwrap).find(|line| line.starts_with(beginning));
        assert!(heard.is_some(), "the program ended without a line that begins with {beginning:?}");
    }
}

/// Starts the program with the signals ignored that a shell's `trap ''` names.
fn start_ignoring(sandbox: &Sandbox, signals: &str, arguments: Vec<String>) -> Child {
    let script = format!("trap '' {signals}; exec \"$0\" \"$@\"");
    let mut command = with_default_signals("sh");
    command.args(["-c", &script, PROGRAM]).args(arguments).current_dir(sandbox.path(""));
    command.env_remove("NOPROPDT_ISA").stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

fn resumed() -> Vec<String> {
    RESUME.map(str::to_owned).to_vec()
}

/// Longest wait for what must come; a slow machine takes seconds.
const PATIENCE: Duration = Duration::from_secs(60);

#[track_caller]
fn wait_until(mut it_is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !it_is_so() {
        assert!(began.elapsed() < PATIENCE, "waited in vain");
        std::thread::yield_now();
    }
}

#[track_caller]
fn wait_for(sandbox: &Sandbox, file: &str) {
    wait_until(|| sandbox.exists(file));
}

/// Kills with SIGKILL; whether the program was still running.
fn kill(mut child: Child) -> bool {
    child.kill().unwrap();
    child.wait().unwrap().signal() == Some(9)
}

fn finish_and_compare(sandbox: &Sandbox) {
    sandbox.ok(RESUME);
    assert!(sandbox.read("run/model.safetensors") == uninterrupted(), "resumed weights differ");
    assert_eq!(sandbox.text("run/metrics.jsonl").lines().count(), 5);
    assert_eq!(sandbox.names("run").len(), FILES, "{:?}", sandbox.names("run"));
}

#[test]
fn killed_in_a_later_epoch() {
    let sandbox = Sandbox::new();
    let mut program = Heard::start(&sandbox, tiny(&LONG));
    program.hear("epoch 2/5");
    assert!(kill(program.child), "the run was over before the kill");
    let finished = Checkpoint::read(&sandbox.path("run/checkpoint.bin")).unwrap();
    let finished = finished.epochs("checkpoint".as_ref()).unwrap().len();
    assert!((1..5).contains(&finished), "{finished} epochs were finished");
    assert!(!sandbox.exists("run/summary.json"));
    finish_and_compare(&sandbox);
}

/// Epochs of some milliseconds, which are not each saved.
#[test]
fn killed_among_very_short_epochs() {
    let short = ["limit-train=32", "limit-test=10", "steps=1", "epochs=150", "out=run"];
    let whole = Sandbox::new();
    whole.ok(tiny(&short));
    assert_eq!(whole.text("run/metrics.jsonl").lines().count(), 150);
    let sandbox = Sandbox::new();
    let mut program = Heard::start(&sandbox, tiny(&short));
    program.hear("epoch  20/150");
    assert!(kill(program.child), "the run was over before the kill");
    sandbox.ok(RESUME);
    assert!(sandbox.read("run/model.safetensors") == whole.read("run/model.safetensors"));
    assert_eq!(sandbox.text("run/metrics.jsonl").lines().count(), 150);
}

#[test]
fn killed_before_the_first_checkpoint() {
    // On a busy machine an epoch may end before the kill comes; then it is tried again.
    for _ in 0..10 {
        let sandbox = Sandbox::new();
        let child = start(&sandbox, tiny(&LONG));
        wait_for(&sandbox, "run/config.toml");
        assert!(kill(child));
        if !sandbox.exists("run/checkpoint.bin") {
            return finish_and_compare(&sandbox);
        }
    }
    panic!("ten kills all came after the first epoch");
}

/// When the checkpoint was last written.
fn written(sandbox: &Sandbox) -> Option<SystemTime> {
    sandbox.path("run/checkpoint.bin").metadata().and_then(|metadata| metadata.modified()).ok()
}

/// When a program is killed.
enum Moment {
    /// Once the settings are there: it reads images.
    Settings,
    /// Once it says a line that begins so.
    Said(&'static str),
    /// Once the checkpoint is another: the files made from it are still to come.
    Checkpoint,
    /// While a file is being written, if that is seen before it ends.
    Writing,
}

#[test]
fn killed_again_and_again() {
    let sandbox = Sandbox::new();
    let moments = [
        Moment::Settings,
        Moment::Said("epoch"),
        Moment::Said("run: going on after epoch"),
        Moment::Checkpoint,
        Moment::Said("run: going on after epoch"),
        Moment::Writing,
        Moment::Settings,
    ];
    let mut running = 0;
    for (round, moment) in moments.into_iter().enumerate() {
        let before = written(&sandbox);
        let arguments = if round == 0 { tiny(&LONG) } else { resumed() };
        let mut program = Heard::start(&sandbox, arguments);
        let writes = || sandbox.names("run").iter().any(|name| name.starts_with(".writing-"));
        match moment {
            Moment::Settings => wait_for(&sandbox, "run/config.toml"),
            Moment::Said(line) => program.hear(line),
            Moment::Checkpoint => wait_until(|| written(&sandbox) != before),
            Moment::Writing => wait_until(|| writes() || program.child.try_wait().unwrap().is_some()),
        }
        running += usize::from(kill(program.child));
    }
    assert!(running >= 5, "only {running} of 7 kills met a running program");
    finish_and_compare(&sandbox);
}

#[test]
fn interrupted_and_told_how_to_go_on() {
    for name in ["INT", "TERM", "HUP", "XCPU"] {
        let sandbox = Sandbox::new();
        let child = start(&sandbox, tiny(&LONG));
        wait_for(&sandbox, "run/checkpoint.bin");
        signal(&child, name);
        let message = complaint(&child.wait_with_output().unwrap(), 130);
        assert!(message.starts_with("error: training: interrupted in epoch "), "{message}");
        assert!(message.ends_with("; go on with --resume run"), "{message}");
        assert!(!sandbox.exists("run/summary.json"));
        if name == "INT" {
            finish_and_compare(&sandbox);
        }
    }
}

/// The steps of an epoch that was not finished are not trained again.
#[test]
fn interrupted_within_an_epoch_it_goes_on_there() {
    for _ in 0..10 {
        let sandbox = Sandbox::new();
        let mut program = Heard::start(&sandbox, tiny(&LONG));
        program.hear("epoch 1/5");
        signal(&program.child, "INT");
        assert_eq!(program.child.wait().unwrap().code(), Some(130));
        let checkpoint = Checkpoint::read(&sandbox.path("run/checkpoint.bin")).unwrap();
        let Some((begun, seconds)) = checkpoint.begun() else { continue };
        assert!(seconds > 0.0);
        let epoch = checkpoint.epochs("checkpoint".as_ref()).unwrap().len() + 1;
        let said = String::from_utf8(sandbox.ok(RESUME).stdout).unwrap();
        let share = 100.0 * begun.waves as f64 / 16.0;
        let told = format!("run: going on in epoch {epoch}, of which {share:.1} % is done\n");
        assert!(said.contains(&told), "{said}");
        assert!(sandbox.read("run/model.safetensors") == uninterrupted(), "resumed weights differ");
        return;
    }
    panic!("ten interruptions all came between epochs");
}

#[test]
fn minutes_between_checkpoints_are_a_whole_number() {
    let sandbox = Sandbox::new();
    for minutes in ["-1", "0.5", "often", "1000001"] {
        let words = ["--checkpoint-minutes", "must be a whole number from 0 to 1000000"];
        sandbox.refused(2, &words, tiny(&[&format!("checkpoint-minutes={minutes}")]));
    }
    sandbox.train("run", &["checkpoint-minutes=0", "epochs=1"]);
}

/// `nohup`, and background jobs of scripts.
#[test]
fn signals_ignored_at_the_start_stay_ignored() {
    for name in ["HUP", "INT", "TERM"] {
        let sandbox = Sandbox::new();
        let child = start_ignoring(&sandbox, name, tiny(&LONG));
        wait_for(&sandbox, "run/checkpoint.bin");
        signal(&child, name);
        signal(&child, name);
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(sandbox.read("run/model.safetensors") == uninterrupted());
    }
    // The others still end the run.
    let sandbox = Sandbox::new();
    let child = start_ignoring(&sandbox, "HUP", tiny(&LONG));
    wait_for(&sandbox, "run/checkpoint.bin");
    signal(&child, "HUP");
    signal(&child, "TERM");
    complaint(&child.wait_with_output().unwrap(), 130);
}

#[test]
fn of_two_starts_at_once_one_trains() {
    let mut trained = 0;
    for round in 0..10 {
        let sandbox = Sandbox::new();
        let seeds = ["seed=1", "seed=2"];
        let children = seeds
            .map(|seed| start(&sandbox, tiny(&["limit-train=64", "epochs=1", "steps=1", "out=run", seed])));
        let outputs = children.map(|child| child.wait_with_output().unwrap());
        let won: Vec<usize> = (0..2).filter(|&which| outputs[which].status.success()).collect();
        assert_eq!(won.len(), 1, "round {round}: {outputs:?}");
        let message = complaint(&outputs[1 - won[0]], 2);
        let told = ["another process is at the run in this folder", "already holds a run"];
        assert!(told.iter().any(|words| message.contains(words)), "{message}");
        // The files are the winner's alone.
        assert!(sandbox.text("run/config.toml").contains(&format!("seed = {}\n", won[0] + 1)));
        assert_eq!(sandbox.json("run/summary.json")["seed"], won[0] + 1);
        assert_eq!(sandbox.names("run").len(), FILES, "{:?}", sandbox.names("run"));
        trained += 1;
    }
    assert_eq!(trained, 10);
}

#[test]
fn a_run_is_not_taken_up_while_it_is_trained() {
    let sandbox = Sandbox::new();
    let child = start(&sandbox, tiny(&LONG));
    wait_for(&sandbox, "run/checkpoint.bin");
    for arguments in [resumed(), tiny(&["out=run"])] {
        let output = sandbox.output(&arguments);
        complaint(&output, 2);
    }
    assert!(kill(child), "the run was over before the kill");
    finish_and_compare(&sandbox);
}

/// A limit of the system on a file's size: the same path as a full disk, which needs a superuser to be made.
#[test]
fn a_file_that_can_not_be_written_is_told_in_words() {
    let sandbox = Sandbox::new();
    // 512-byte units: room for settings and metrics, not for a checkpoint.
    let limited = |units: u64| {
        let script = format!("ulimit -f {units}; exec \"$0\" \"$@\"");
        let mut command = Command::new("sh");
        command.args(["-c", &script, PROGRAM]).args(tiny(&LONG)).current_dir(sandbox.path(""));
        complaint(&command.stderr(Stdio::piped()).stdout(Stdio::piped()).output().unwrap(), 1)
    };
    let message = limited(0);
    assert!(
        message.starts_with("error: run/config.toml: the file is larger than the system lets"),
        "{message}"
    );
    assert_eq!(sandbox.names("run"), [".lock"]);
    let message = limited(200);
    let expected = "error: run/checkpoint.bin: the file is larger than the system lets this program write; raise the limit \
                    (ulimit -f); no epoch is kept; then begin again with --resume run";
    assert_eq!(message, expected);
    assert_eq!(sandbox.names("run"), [".lock", "config.toml"]);
    finish_and_compare(&sandbox);
}
