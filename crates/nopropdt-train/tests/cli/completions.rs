//! `completions` and `man`: what shells and readers of manuals get.

use crate::harness::{Sandbox, stderr, stdout};
use std::process::Command;

/// Runs a shell's program in the sandbox; none where there is no such shell.
fn shell(sandbox: &Sandbox, program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).current_dir(sandbox.path("")).output().ok()?;
    assert!(output.status.success() && output.stderr.is_empty(), "{program}: {}", stderr(&output));
    Some(stdout(&output))
}

/// The words that bash would offer at the end of a command line.
fn offered(sandbox: &Sandbox, words: &[&str]) -> Vec<String> {
    // What bash does at a TAB, but for `compopt`, which works nowhere else.
    let script = "compopt() { :; }; source completions; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); \
                  _nopropdt__train \"$1\" \"${@: -1}\" \"${@:$# - 1:1}\"; printf '%s\\n' \"${COMPREPLY[@]}\"";
    let arguments = [&["--norc", "-c", script, "bash", "nopropdt-train"], words].concat();
    let text = shell(sandbox, "bash", &arguments).expect("bash is there");
    text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

#[cfg(unix)]
#[test]
fn bash_completes_commands_flags_names_and_paths() {
    let sandbox = Sandbox::new();
    sandbox.write("completions", stdout(&sandbox.ok(["completions", "bash"])));
    shell(&sandbox, "bash", &["-n", "completions"]);
    sandbox.write("model.safetensors", "");
    sandbox.write("my/file", "");
    for (words, wanted) in [
        (&["ru"][..], &["runs"][..]),
        (&["--method", ""], &["dt", "ct", "fm", "backprop", "adjoint", "committee"]),
        (&["train", "--block", ""], &["paper", "reference", "residual", "patches", "deep"]),
        (&["info", "--schedule", "l"], &["linear", "late", "learned"]),
        (&["train", "--optimizer", "ad"], &["adamw", "adam"]),
        (&["--flip", ""], &["true", "false"]),
        (&["eval", "--dataset", "cifar1"], &["cifar10", "cifar100", "cifar100-coarse"]),
        (&["eval", "--sampler", "e"], &["euler"]),
        (&["eval", "--runs-never-said", ""], &[]),
        (&["runs", "--s"], &["--sort"]),
        (&["completions", "z"], &["zsh"]),
        (&["eval", "--model", "mo"], &["model.safetensors"]),
    ] {
        let found = offered(&sandbox, words);
        assert!(wanted.iter().all(|word| found.iter().any(|found| found == word)), "{words:?}: {found:?}");
        let one_of = |word: &String| wanted.iter().any(|wanted| wanted == word);
        assert!(wanted.is_empty() || found.iter().all(one_of), "{words:?}: {found:?}");
    }
    let text = sandbox.text("completions");
    // Folders alone where a folder is wanted.
    assert!(text.contains("compopt -o plusdirs") && text.contains("compopt -o filenames"));
}

/// Shells that a tester need not have are asked where they are.
#[test]
fn other_shells_take_their_scripts() {
    let sandbox = Sandbox::new();
    for name in ["zsh", "fish", "powershell", "elvish"] {
        let script = stdout(&sandbox.ok(["completions", name]));
        assert!(script.contains("class-weights") && script.contains("List runs"), "{name}: {script}");
        sandbox.write(name, script);
    }
    shell(&sandbox, "zsh", &["-n", "zsh"]);
    if let Some(found) = shell(
        &sandbox,
        "fish",
        &["--no-config", "-c", "source fish; complete -C 'nopropdt-train train --block p'"],
    ) {
        assert_eq!(
            found.lines().map(|line| line.split('\t').next().unwrap()).collect::<Vec<_>>(),
            ["paper", "patches"]
        );
    }
    sandbox.refused(2, &["invalid value 'csh' for '<SHELL>'"], ["completions", "csh"]);
}

#[test]
fn every_command_has_a_page() {
    let sandbox = Sandbox::new();
    let page = stdout(&sandbox.ok(["man"]));
    assert!(page.contains(".TH nopropdt-train 1") && page.contains("nopropdt\\-train\\-runs(1)"), "{page}");
    assert_eq!(stdout(&sandbox.ok(["man", "--out", "pages/man1"])), "");
    let names = sandbox.names("pages/man1");
    for name in [
        "nopropdt-train.1",
        "nopropdt-train-train.1",
        "nopropdt-train-eval.1",
        "nopropdt-train-info.1",
        "nopropdt-train-man.1",
    ] {
        assert!(names.iter().any(|found| found == name), "{name}: {names:?}");
    }
    assert_eq!(sandbox.text("pages/man1/nopropdt-train.1"), page);
    assert!(sandbox.text("pages/man1/nopropdt-train-runs.1").contains("\\-\\-filter"));
    sandbox.write("file", "");
    sandbox.refused(1, &["file", "folder can't be made"], ["man", "--out", "file/below"]);
}
