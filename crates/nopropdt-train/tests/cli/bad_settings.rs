//! Flags and configuration files that break a rule: exit code 2, one line, and no run folder.

use crate::harness::{Sandbox, tiny};

/// Each flag replaces the tiny run's own.
fn refused(cases: &[(&str, &[&str])]) {
    let sandbox = Sandbox::new();
    for (flags, words) in cases {
        let own: Vec<&str> = flags.split_whitespace().chain(["out=run"]).collect();
        sandbox.refused(2, words, tiny(&own));
        assert!(!sandbox.exists("run"), "{flags}");
    }
}

#[test]
fn counts_out_of_range() {
    refused(&[
        ("batch-size=0", &["--batch-size: must be at least 2; found 0"]),
        ("batch-size=1", &["--batch-size: must be at least 2; found 1"]),
        ("epochs=0", &["--epochs: must be from 1 to 1000000; found 0"]),
        ("epochs=18446744073709551615", &["--epochs: must be from 1 to 1000000; found 18446744073709551615"]),
        ("warmup-epochs=18446744073709551615", &["--warmup-epochs: must be from 0 to 1000000"]),
        ("epochs=3 warmup-epochs=4", &["--warmup-epochs: must be at most the 3 epochs of the run; found 4"]),
        ("steps=0", &["error: steps: must be from 1 to 10000; found 0"]),
        (
            "steps=18446744073709551615",
            &["error: steps: must be from 1 to 10000; found 18446744073709551615"],
        ),
        (
            "steps=999 schedule=linear embedding=learned embedding-dim=65536",
            &["error: network: must have at most 536870912 parameters; found 1"],
        ),
        ("threads=0", &["--threads: must be from 1 to 1024; found 0"]),
        ("threads=1000000", &["--threads: must be from 1 to 1024; found 1000000"]),
        ("limit-train=1", &["--limit-train: must be at least 2; found 1"]),
        ("limit-test=0", &["--limit-test: must be at least 1; found 0"]),
        ("embedding=learned embedding-dim=0", &["error: embedding-dim: must be from 1 to 65536; found 0"]),
        ("validation=128", &["--validation: count must be below the 128 training images; found 128"]),
        ("validation=99999", &["--validation: count must be below the 128 training images; found 99999"]),
        (
            "limit-train=2 validation=1",
            &[
                "training: must have at least 2 images; found 1; raise --limit-train, or lower --validation or --split",
            ],
        ),
        (
            "epochs=two",
            &["invalid value 'two' for '--epochs <N>'", "must be a whole number from 1 to 1000000"],
        ),
    ]);
}

#[test]
fn numbers_out_of_range() {
    refused(&[
        ("lr=0", &["--lr: must be above 0 and finite; found 0"]),
        ("lr=-1", &["--lr: must be above 0 and finite; found -1"]),
        ("lr=nan", &["--lr: must be above 0 and finite; found NaN"]),
        ("lr=inf", &["--lr: must be above 0 and finite; found inf"]),
        ("eta=0", &["eta: must be above 0 and finite; found 0"]),
        ("eta=nan", &["eta: must be above 0 and finite; found NaN"]),
        ("dropout=1", &["dropout: must be ", "found 1"]),
        ("dropout=nan", &["dropout: must be ", "found NaN"]),
        ("weight-decay=-1", &["--weight-decay: must be at least 0 and finite; found -1"]),
        ("clip-norm=-1", &["--clip-norm: must be above 0, or 0 for no limit; found -1"]),
    ]);
}

#[test]
fn a_negative_number_may_follow_a_space() {
    let sandbox = Sandbox::new();
    sandbox.refused(2, &["--lr: must be above 0 and finite; found -1"], ["--lr", "-1", "--out", "run"]);
    sandbox.refused(2, &["--eta"], ["--eta", "--out", "run"]);
}

/// Every flag that takes a whole number, of every command: flag, range and value are told, whether or not a space stands before it.
#[test]
fn negative_whole_numbers_are_told_their_range() {
    let sandbox = Sandbox::new();
    let train = [
        ("crop-padding", "N", "from 0 to 256"),
        ("cutout", "N", "from 0 to 256"),
        ("limit-train", "N", "at least 2"),
        ("limit-test", "N", "at least 1"),
        ("validation", "N", "at least 0"),
        ("steps", "T", "at least 1"),
        ("embedding-dim", "D", "at least 1"),
        ("epochs", "N", "from 1 to 1000000"),
        ("batch-size", "B", "at least 2"),
        ("warmup-epochs", "N", "from 0 to 1000000"),
        ("seed", "SEED", "from 0 to 18446744073709551615"),
        ("threads", "N", "from 1 to 1024"),
    ];
    let eval = [
        ("runs", "R", "from 1 to 10000"),
        ("draws", "K", "from 1 to 10000"),
        ("stop-after", "K", "at least 1"),
        ("steps", "N", "at least 1"),
        ("limit-test", "N", "at least 1"),
        ("seed", "SEED", "from 0 to 18446744073709551615"),
        ("threads", "N", "from 1 to 1024"),
    ];
    let eval_command = ["eval", "--model", "none"];
    for (command, flags) in
        [(&[][..], &train[..]), (&["train"], &train), (&["info"], &train), (&eval_command, &eval)]
    {
        for (flag, value, range) in flags {
            let name = format!("--{flag}");
            for found in ["-1", "-99999999999999999999", "99999999999999999999"] {
                let words = [
                    format!("invalid value '{found}' for '{name} <{value}>'"),
                    format!("must be a whole number {range}"),
                ];
                let words = words.each_ref().map(String::as_str);
                sandbox.refused(2, &words, command.iter().copied().chain([name.as_str(), found]));
                let joined = format!("{name}={found}");
                sandbox.refused(2, &words, command.iter().copied().chain([joined.as_str()]));
            }
        }
    }
    sandbox.refused(2, &["'--image-size <N>'", "each from 1 to 256; found \"-8\""], ["--image-size", "-8"]);
}

#[test]
fn a_variable_has_the_bounds_of_its_flag() {
    let sandbox = Sandbox::new();
    for (arguments, found) in [(&["--out", "run"][..], "100000"), (&["info"], "-1"), (&["info"], "two")] {
        let output = sandbox.command().args(arguments).env("RAYON_NUM_THREADS", found).output().unwrap();
        let message = crate::harness::complaint(&output, 2);
        let expected = format!("error: RAYON_NUM_THREADS: must be from 1 to 1024; found {found}");
        assert_eq!(message, expected);
    }
    let threads = |variable: &str, own: &[&str]| {
        let arguments = [&["info", "--json"], own].concat();
        let output = sandbox.command().args(arguments).env("RAYON_NUM_THREADS", variable).output().unwrap();
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()["threads"].as_u64().unwrap()
    };
    assert_eq!(threads("3", &[]), 3);
    assert_eq!(threads("3", &["--threads", "2"]), 2);
    // A container's limit and the cores it is bound to count.
    let usable = std::thread::available_parallelism().unwrap().get() as u64;
    assert_eq!((threads("0", &[]), threads("", &[])), (usable, usable));
    assert_eq!(sandbox.names("."), [""; 0]);
}

#[test]
fn unknown_names_list_the_known_ones() {
    refused(&[
        ("dataset=cats", &["'--dataset <NAME>'", "found \"cats\"", "one of digits, mnist, "]),
        (
            "schedule=square",
            &["'--schedule <NAME>'", "`square`", "`cosine`", "`linear`", "`sigmoid`", "`reference`"],
        ),
        ("preset=worst", &["'--preset <PRESET>'", "'worst'", "paper, reference, best"]),
        ("block=mine", &["'--block <NAME>'", "`paper`", "`reference`"]),
        ("embedding=two-hot", &["`one-hot`", "`learned`"]),
        ("order=random", &["`interleaved`", "`sequential`"]),
        ("optimizer=lion", &["`adamw`", "`adam`", "`sgd`"]),
        ("lr-schedule=flat", &["`constant`", "`cosine`", "`reference`"]),
        ("method=magic", &["`dt`"]),
        ("precision=f8", &["`auto`", "`f32`", "`bf16`"]),
        ("no-such-flag=1", &["unexpected argument '--no-such-flag'"]),
    ]);
}

#[test]
fn the_falling_schedule_wants_its_objective() {
    refused(&[("schedule=reference", &["schedule reference: falls with t", "use --preset reference"])]);
    let sandbox = Sandbox::new();
    sandbox.train("run", &["schedule=reference", "objective=reference", "epochs=1"]);
}

#[test]
fn unknown_instruction_sets_list_the_known_ones() {
    let sandbox = Sandbox::new();
    let (model, _) = crate::harness::example();
    sandbox.write("model.safetensors", model);
    for arguments in [&["--out", "run"][..], &["eval", "--model", "model.safetensors"], &["info"]] {
        let output = sandbox.command().args(arguments).env("NOPROPDT_ISA", "nonsense").output().unwrap();
        let message = crate::harness::complaint(&output, 2);
        assert!(message.contains("NOPROPDT_ISA: ") && message.contains("portable"), "{message}");
        assert!(message.contains("found nonsense"), "{message}");
    }
    assert_eq!(sandbox.names("."), ["model.safetensors"]);
}

#[test]
fn configuration_files_are_named_with_the_line() {
    let sandbox = Sandbox::new();
    let run = ["--config", "own.toml", "--out", "run"];
    sandbox.refused(2, &["--config own.toml: there is no such file"], run);
    sandbox.refused(2, &["--config own.toml: there is no such file"], ["info", "--config", "own.toml"]);
    for (content, words) in [
        ("seed = 1\nepoch = 2\n", ["own.toml: line 2: ", "unknown setting `epoch`"]),
        (
            "# mine\n\nsteps = \"ten\"\n",
            ["own.toml: line 3: ", "steps: must be a whole number at least 1; found \"ten\""],
        ),
        ("steps = -1\n", ["own.toml: line 1: ", "steps: must be a whole number at least 1; found -1"]),
        ("dataset = \"cats\"\n", ["own.toml: line 1: ", "one of digits, mnist, "]),
        ("seed = 1\nseed = 2\n", ["own.toml: line 2: ", "duplicate key"]),
        ("seed = 1\n{}\n", ["own.toml: line 2: ", ""]),
        ("[training]\nsead = 1\n", ["own.toml: line 2: ", "unknown setting `sead` of section `training`"]),
    ] {
        sandbox.write("own.toml", content);
        sandbox.refused(2, &words, run);
    }
    sandbox.write("own.toml", b"seed = 1 # \xff\xfe\n");
    sandbox.refused(2, &["own.toml: "], run);
    sandbox.write("own.toml", "epochs = 0\n");
    sandbox.refused(2, &["--epochs: must be from 1"], run);
}

#[test]
fn flags_of_train_do_not_mix_with_commands() {
    let sandbox = Sandbox::new();
    sandbox.refused(2, &["cannot be used with"], ["--epochs", "1", "info"]);
    sandbox.refused(2, &["--model <FILE>"], ["eval"]);
    sandbox.refused(2, &["'fly'"], ["fly"]);
}
