//! Going on with a run: what is refused, and what is left alone.

use crate::harness::{Sandbox, stdout, tiny};
use nopropdt_train::checkpoint::Checkpoint;
use nopropdt_train::config::{Overrides, Value};
use nopropdt_train::metrics::EpochMetrics;
use sha2::{Digest, Sha256};

/// A run stopped after its first epoch of two, as a kill would leave it.
pub fn half_run(sandbox: &Sandbox, out: &str, own: &[&str]) {
    sandbox.train(out, &[own, &["epochs=1", "lr-schedule=constant"]].concat());
    let config = sandbox.text(&format!("{out}/config.toml")).replace("epochs = 1\n", "epochs = 2\n");
    sandbox.write(&format!("{out}/config.toml"), &config);
    for file in ["summary.json", "report.html", "diagnostics.json"] {
        std::fs::remove_file(sandbox.path(&format!("{out}/{file}"))).unwrap();
    }
    let path = sandbox.path(&format!("{out}/checkpoint.bin"));
    let mut checkpoint = Checkpoint::read(&path).unwrap();
    checkpoint.config = config;
    checkpoint.write(&path).unwrap();
}

const RESUME: [&str; 3] = ["--resume", "run", "--no-progress"];

/// Blocks that start from training images do so once; the optimiser's memory of matrices comes back.
#[test]
fn a_half_run_of_deep_blocks_ends_like_a_whole_one() {
    let sandbox = Sandbox::new();
    let own =
        ["block=deep", "set=block.width=16", "optimizer=muon", "objective=labels", "steps=2", "cutout=2"];
    half_run(&sandbox, "run", &own);
    sandbox.ok(RESUME);
    sandbox.train("whole", &[&own[..], &["lr-schedule=constant"]].concat());
    assert!(sandbox.read("run/model.safetensors") == sandbox.read("whole/model.safetensors"));
}

#[test]
fn a_half_run_ends_like_a_whole_one() {
    let sandbox = Sandbox::new();
    half_run(&sandbox, "run", &["embedding=learned"]);
    let output = sandbox.ok(RESUME);
    assert!(stdout(&output).contains("run: going on after epoch 1"), "{}", stdout(&output));
    sandbox.train("whole", &["embedding=learned", "lr-schedule=constant"]);
    assert!(sandbox.read("run/model.safetensors") == sandbox.read("whole/model.safetensors"));
    assert_eq!(sandbox.text("run/metrics.jsonl").lines().count(), 2);
}

#[test]
fn a_finished_run_is_left_as_it_is() {
    let sandbox = Sandbox::new();
    let first = sandbox.train("run", &["epochs=1"]);
    let before = sandbox.snapshot();
    let again = sandbox.ok(RESUME);
    assert!(sandbox.snapshot() == before);
    let result = |text: String| text[text.find("test accuracy").unwrap()..].to_owned();
    assert_eq!(result(stdout(&again)), result(stdout(&first)));
}

#[test]
fn a_finished_run_without_its_checkpoint_is_not_trained_over() {
    let sandbox = Sandbox::new();
    sandbox.train("run", &["epochs=1"]);
    std::fs::remove_file(sandbox.path("run/checkpoint.bin")).unwrap();
    let words = [
        "run/checkpoint.bin: is gone, but run/metrics.jsonl tells of a finished epoch; restore it, or start anew with --out",
    ];
    sandbox.refused(1, &words, RESUME);
}

/// Whatever is left of finished epochs, nothing is trained over it.
#[test]
fn a_run_without_its_checkpoint_is_not_begun_anew() {
    let sandbox = Sandbox::new();
    half_run(&sandbox, "run", &[]);
    std::fs::remove_file(sandbox.path("run/checkpoint.bin")).unwrap();
    sandbox.refused(
        1,
        &["run/checkpoint.bin: is gone, but run/metrics.jsonl tells of a finished epoch"],
        RESUME,
    );
    let lines = sandbox.text("run/metrics.jsonl");
    sandbox.write("run/metrics.jsonl", format!("{lines}{}", lines.replace("\"epoch\":1", "\"epoch\":2")));
    sandbox.refused(1, &["run/metrics.jsonl tells of 2 finished epochs"], RESUME);
    std::fs::remove_file(sandbox.path("run/metrics.jsonl")).unwrap();
    sandbox.refused(1, &["is gone, but run/model.safetensors is of a finished epoch"], RESUME);
    // Settings alone are a run that was stopped in its first epoch.
    std::fs::remove_file(sandbox.path("run/model.safetensors")).unwrap();
    sandbox.ok(RESUME);
}

#[test]
fn lost_settings_are_those_of_the_checkpoint() {
    let sandbox = Sandbox::new();
    half_run(&sandbox, "run", &["seed=4"]);
    let config = sandbox.text("run/config.toml");
    std::fs::remove_file(sandbox.path("run/config.toml")).unwrap();
    sandbox.ok(RESUME);
    assert_eq!(sandbox.text("run/config.toml"), config);
    assert_eq!(sandbox.json("run/summary.json")["seed"], 4);
}

#[test]
fn a_finished_run_says_so() {
    let sandbox = Sandbox::new();
    sandbox.train("run", &["epochs=1"]);
    let text = stdout(&sandbox.ok(RESUME));
    assert!(text.starts_with("run: going on after epoch 1, the last: nothing is left to train\n"), "{text}");
}

/// A kill may come between any two files of an epoch: the checkpoint comes first, and the others are made from it again.
#[test]
fn what_a_kill_left_unwritten_is_made_again() {
    let sandbox = Sandbox::new();
    sandbox.train("run", &[]);
    let (model, metrics) = (sandbox.read("run/model.safetensors"), sandbox.read("run/metrics.jsonl"));
    let table = sandbox.read("run/metrics.csv");
    // The last epoch's checkpoint was written, and nothing after it.
    sandbox.write("run/model.safetensors", "of the epoch before");
    sandbox.write("run/metrics.jsonl", metrics.split_inclusive(|&byte| byte == b'\n').next().unwrap());
    for file in ["summary.json", "report.html"] {
        std::fs::remove_file(sandbox.path(&format!("run/{file}"))).unwrap();
    }
    sandbox.ok(RESUME);
    assert!(sandbox.read("run/model.safetensors") == model);
    assert!(sandbox.read("run/metrics.jsonl") == metrics);
    assert!(sandbox.read("run/metrics.csv") == table);
    assert_eq!(sandbox.names("run").len(), 9);
}

#[test]
fn what_a_finished_run_lacks_is_made_again() {
    let sandbox = Sandbox::new();
    sandbox.train("run", &["epochs=1"]);
    let (model, summary) = (sandbox.read("run/model.safetensors"), sandbox.json("run/summary.json"));
    for file in ["model.safetensors", "summary.json", "report.html", "metrics.jsonl", "metrics.csv"] {
        std::fs::remove_file(sandbox.path(&format!("run/{file}"))).unwrap();
    }
    sandbox.ok(RESUME);
    assert!(sandbox.read("run/model.safetensors") == model);
    assert_eq!(sandbox.json("run/summary.json")["test_accuracy"], summary["test_accuracy"]);
    assert_eq!(sandbox.names("run").len(), 9);
}

#[test]
fn temporary_files_of_a_kill_are_removed() {
    let sandbox = Sandbox::new();
    sandbox.train("run", &["epochs=1"]);
    sandbox.write("run/.writing-a1b2", "half of a model");
    sandbox.ok(RESUME);
    assert_eq!(sandbox.names("run").len(), 9);
}

#[test]
fn a_folder_without_a_run_is_refused() {
    let sandbox = Sandbox::new();
    std::fs::create_dir(sandbox.path("run")).unwrap();
    sandbox.refused(2, &["--resume run: holds no run (neither config.toml nor checkpoint.bin)"], RESUME);
    sandbox.refused(2, &["--resume none: holds no run"], ["--resume", "none"]);
}

#[test]
fn a_run_goes_on_with_its_own_settings() {
    let sandbox = Sandbox::new();
    half_run(&sandbox, "run", &[]);
    for flag in ["--steps=3", "--seed=1", "--lr=0.5", "--limit-test=10", "--decoder"] {
        let words = ["--resume: a run goes on with its own settings", "leave the other flags out"];
        sandbox.refused(2, &words, [&RESUME[..], &[flag]].concat());
    }
    // Data of a known set lie where --data-dir says; nothing else moves.
    let words = ["--dataset: with --resume must be left out", "the run is of digits; found folder:x"];
    sandbox.refused(2, &words, [&RESUME[..], &["--dataset", "folder:x"]].concat());
    for flags in [["--out", "other"], ["--config", "run/config.toml"], ["--preset", "paper"]] {
        sandbox.refused(2, &["cannot be used with"], [&RESUME[..], &flags].concat());
    }
}

#[test]
fn a_run_is_given_more_epochs() {
    let sandbox = Sandbox::new();
    sandbox.train("run", &["lr-schedule=constant", "epochs=1"]);
    sandbox.train("whole", &["lr-schedule=constant", "epochs=3"]);
    let text = stdout(&sandbox.ok([&RESUME[..], &["--epochs", "3"]].concat()));
    let told =
        "run: going on after epoch 1\n3 epochs instead of 1; the learning rate stays 0.001\nepoch 2/3  loss";
    assert!(text.contains(told), "{text}");
    assert!(sandbox.read("run/model.safetensors") == sandbox.read("whole/model.safetensors"));
    assert!(sandbox.read("run/config.toml") == sandbox.read("whole/config.toml"));
    assert_eq!(sandbox.json("run/summary.json")["extended_after"], serde_json::json!([1]));
    assert_eq!(sandbox.json("whole/summary.json").get("extended_after"), None);
    // The same number again changes nothing.
    let before = sandbox.snapshot();
    let text = stdout(&sandbox.ok([&RESUME[..], &["--epochs=3"]].concat()));
    assert!(
        text.starts_with("run: going on after epoch 3, the last: nothing is left to train\ntest"),
        "{text}"
    );
    assert!(sandbox.snapshot() == before);
}

#[test]
fn a_judged_run_says_what_its_model_is() {
    let sandbox = Sandbox::new();
    let judged = ["validation=30", "keep-best", "patience=1", "epochs=40", "lr=0.02", "lr-schedule=constant"];
    let text = stdout(&sandbox.train("run", &judged));
    let summary = sandbox.json("run/summary.json");
    let (epochs, best) = (summary["epochs"].as_u64().unwrap(), summary["best_epoch"].as_u64().unwrap());
    assert_eq!(summary["stopped_early"], true);
    assert_eq!(epochs, best + 1);
    let told = format!(
        "stopped after epoch {epochs}: none was better on the validation images for as long as --patience\nthe model is that of \
         epoch {best} of {epochs}, the best on the validation images\ntest accuracy "
    );
    assert!(text.contains(&told), "{text}");
    let report = sandbox.text("run/report.html");
    for words in [format!("read at the end, after epoch {best}"), ", stopped early".into()] {
        assert!(report.contains(&words), "{words}");
    }
    let text = stdout(&sandbox.ok(RESUME));
    let over =
        format!("run: going on after epoch {epochs}, where its patience ran out: nothing is left to train");
    assert!(text.starts_with(&over), "{text}");
    let text = stdout(&sandbox.ok([&RESUME[..], &["--epochs=40"]].concat()));
    let anew =
        format!("40 epochs; patience counts anew from epoch {epochs} on; the learning rate stays 0.02\n");
    assert!(text.contains(&anew), "{text}");
}

#[test]
fn epochs_are_not_judged_without_images() {
    let sandbox = Sandbox::new();
    for (flag, name) in [("keep-best", "keep-best"), ("patience=3", "patience")] {
        let line = format!(
            "error: --{name}: needs images for validation; none are held out; hold some out with --validation N"
        );
        sandbox.refused(2, &[&line], tiny(&["out=run", flag]));
    }
    sandbox.refused(2, &["--patience: must be from 1 to 1000000; found 0"], tiny(&["patience=0"]));
}

#[test]
fn further_epochs_follow_the_schedule_of_all() {
    let sandbox = Sandbox::new();
    sandbox.train("run", &["epochs=2"]);
    let text = stdout(&sandbox.ok([&RESUME[..], &["--set", "training.epochs=4"]].concat()));
    let told = " so far, now follows `cosine` over 4 epochs: from 0.0005 to ";
    assert!(text.contains("4 epochs instead of 2; the learning rate, ") && text.contains(told), "{text}");
    sandbox.train("whole", &["epochs=4"]);
    let rates = |run: &str| -> Vec<f64> {
        let lines = sandbox.text(&format!("{run}/metrics.jsonl"));
        let rate =
            |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["learning_rate"].as_f64();
        lines.lines().map(|line| rate(line).unwrap()).collect()
    };
    assert_eq!(rates("run")[2..], rates("whole")[2..]);
    assert_ne!(rates("run")[..2], rates("whole")[..2]);
}

#[test]
fn fewer_epochs_than_finished_are_refused() {
    let sandbox = Sandbox::new();
    sandbox.train("run", &["epochs=2"]);
    let words = ["error: --epochs: must be at least 2, as many as the run has begun; found 1"];
    sandbox.refused(2, &words, [&RESUME[..], &["--epochs=1"]].concat());
    sandbox.refused(2, &["--epochs: must be from 1"], [&RESUME[..], &["--epochs=0"]].concat());
}

/// A kill may come after any of the files that more epochs change: the files of a finished run go first, config.toml is last.
#[test]
fn a_kill_among_the_files_of_more_epochs_leaves_a_run() {
    let sandbox = Sandbox::new();
    half_run(&sandbox, "run", &[]);
    let old = sandbox.text("run/config.toml");
    let extend = [&RESUME[..], &["--epochs=3"]].concat();
    sandbox.ok(&extend);
    let (whole, config) = (sandbox.read("run/model.safetensors"), sandbox.text("run/config.toml"));
    assert!(config.contains("epochs = 3\n"));
    // The checkpoint has the new number, config.toml the old one.
    sandbox.write("run/config.toml", &old);
    sandbox.ok(RESUME);
    assert_eq!(sandbox.text("run/config.toml"), config);
    assert!(sandbox.read("run/model.safetensors") == whole);
    // Any other number was typed into the file.
    sandbox.write("run/config.toml", old.replace("epochs = 2\n", "epochs = 9\n"));
    let words = ["must be as the run was started, `epochs = 3`; found `epochs = 9`; restore it"];
    sandbox.refused(1, &words, RESUME);
}

#[test]
fn edited_settings_are_noticed() {
    let sandbox = Sandbox::new();
    half_run(&sandbox, "run", &[]);
    let config = sandbox.text("run/config.toml");
    let edit = |from: &str, to: &str| {
        assert!(config.contains(from), "{config}");
        sandbox.write("run/config.toml", config.replace(from, to));
    };
    edit("seed = 0\n", "seed = 1\n");
    let words = ["config.toml: must be as the run was started, `seed = 0`; found `seed = 1`; restore it"];
    sandbox.refused(1, &words, RESUME);
    edit("limit-test = 60\n", "");
    sandbox.refused(1, &["was started, `limit-test = 60`; found nothing; restore it"], RESUME);
    edit("seed = 0\n", "seed = 0\nsead = 1\n");
    sandbox.refused(2, &["run/config.toml: line ", "unknown setting `sead`"], RESUME);
    edit("epochs = 2\n", "epochs = 0\n");
    sandbox.refused(2, &["--epochs: must be from 1"], RESUME);
    // What says the same in other words is no edit.
    edit("seed = 0\n", "# the seed\nseed   =   0\n");
    sandbox.ok(RESUME);
}

#[test]
fn damaged_checkpoints_are_refused() {
    let sandbox = Sandbox::new();
    half_run(&sandbox, "run", &[]);
    let whole = sandbox.read("run/checkpoint.bin");
    let length = whole.len();
    let flipped = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        bytes
    };
    let version = |version: u8| {
        let mut bytes = whole.clone();
        bytes[8] = version;
        bytes
    };
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (Vec::new(), "is not a checkpoint"),
        (
            b"PK\x03\x04 something else, long enough to hold a whole header of ours".to_vec(),
            "is not a checkpoint",
        ),
        (whole[..40].to_vec(), "is not a checkpoint"),
        (whole[..52].to_vec(), "header promises"),
        (whole[..length / 2].to_vec(), "header promises"),
        (whole[..length - 1].to_vec(), "header promises"),
        ([&whole[..], b"!"].concat(), "header promises"),
        (version(1), "format version must be from 2 to 4; found 1"),
        (flipped(25), "SHA-256"),
        (flipped(52), "SHA-256"),
        (flipped(length - 1), "SHA-256"),
        // Hashes that are right round content that is not.
        (sealed(b""), "can't be decoded"),
        (sealed(&[0xff; 4000]), "can't be decoded"),
        (sealed(&[0; 4000]), "bytes too many"),
        (sealed(&boastful()), "can't be decoded"),
    ];
    for (bytes, words) in cases {
        sandbox.write("run/checkpoint.bin", bytes);
        sandbox.refused(1, &["run/checkpoint.bin: ", words], RESUME);
    }
}

/// A checkpoint file round any payload.
fn sealed(payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u64).to_le_bytes();
    [b"NPDTCKPT", &2u32.to_le_bytes()[..], &length, &Sha256::digest(payload), payload].concat()
}

/// No configuration, no images, no seconds, no metrics, one parameter set that promises 2⁶² values and holds none.
fn boastful() -> Vec<u8> {
    let mut payload = vec![0; 1 + 32 + 8 + 1];
    payload.extend([1, 253]);
    payload.extend((1u64 << 62).to_le_bytes());
    payload
}

#[test]
fn a_checkpoint_of_another_run_is_refused() {
    let sandbox = Sandbox::new();
    half_run(&sandbox, "run", &[]);
    half_run(&sandbox, "other", &["seed=8"]);
    std::fs::copy(sandbox.path("other/checkpoint.bin"), sandbox.path("run/checkpoint.bin")).unwrap();
    sandbox.refused(1, &["must be as the run was started, `seed = 8`; found `seed = 0`"], RESUME);
}

#[test]
fn a_checkpoint_of_another_network_is_refused() {
    let sandbox = Sandbox::new();
    half_run(&sandbox, "run", &[]);
    let config = Overrides::from_file(&sandbox.path("run/config.toml")).unwrap().resolve(None).unwrap();
    let path = sandbox.path("run/checkpoint.bin");
    let images = Checkpoint::read(&path).unwrap().images;
    // The right words round the wrong weights: one block too few, then a wider embedding.
    for (setting, value, blocks, words) in [
        ("steps", Value::Whole(1), 1, "wants 4 parameter sets; found 3"),
        ("block", Value::Text("reference".into()), 2, "parameter set 1: wants "),
    ] {
        let other = Overrides::from_file(&sandbox.path("run/config.toml")).unwrap();
        let other = Overrides::default().with(setting, value).over(other).resolve(None).unwrap();
        let network = other.network(&[8, 8, 1], 10).unwrap();
        let metrics: [EpochMetrics; 0] = [];
        let states = vec![nopropdt_tensor::optim::OptimizerState { step: 0, moments: vec![] }; blocks + 2];
        let weights = network.init(0);
        Checkpoint::new(config.to_toml(), images, 0.0, &metrics, &weights, states.iter())
            .write(&path)
            .unwrap();
        sandbox.refused(1, &["run/checkpoint.bin: ", words], RESUME);
    }
}

#[test]
fn right_weights_with_wrong_averages_are_refused() {
    let sandbox = Sandbox::new();
    half_run(&sandbox, "run", &[]);
    let config = Overrides::from_file(&sandbox.path("run/config.toml")).unwrap().resolve(None).unwrap();
    let weights = config.network(&[8, 8, 1], 10).unwrap().init(0);
    let states = vec![nopropdt_tensor::optim::OptimizerState { step: 0, moments: vec![vec![0.0; 3]; 2] }; 4];
    let metrics: [EpochMetrics; 0] = [];
    let path = sandbox.path("run/checkpoint.bin");
    let images = Checkpoint::read(&path).unwrap().images;
    let checkpoint = Checkpoint::new(config.to_toml(), images, 0.0, &metrics, &weights, states.iter());
    checkpoint.write(&path).unwrap();
    sandbox.refused(1, &["run/checkpoint.bin: "], RESUME);
}

#[test]
fn a_run_folder_is_not_used_twice() {
    let sandbox = Sandbox::new();
    sandbox.train("run", &["epochs=1"]);
    let words = ["--out run: already holds a run; continue it with --resume run or choose another folder"];
    sandbox.refused(2, &words, tiny(&["out=run", "seed=9"]));
}
