//! A program that measures on request: one JSON object a line in, one out.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A running program; it is ended with this value.
pub(super) struct Process {
    name: String,
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Process {
    /// Starts `command`; what it says on standard error is passed on.
    pub(super) fn start(name: &str, mut command: Command) -> Result<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{name}: {program} can't be started"))?;
        let (requests, answers) =
            child.stdin.take().zip(child.stdout.take()).context("pipes were asked for")?;
        Ok(Self { name: name.to_owned(), child, requests, answers: BufReader::new(answers) })
    }

    /// Asks for something; [`Process::answer`] waits for it.
    pub(super) fn ask(&mut self, request: &Value) -> Result<()> {
        // A program that has ended tells why by its answer, if at all.
        match writeln!(self.requests, "{request}").and_then(|()| self.requests.flush()) {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                Err(error).with_context(|| format!("{}: can't be asked", self.name))
            }
            _ => Ok(()),
        }
    }

    /// The next answer.
    pub(super) fn answer(&mut self) -> Result<Value> {
        let mut line = String::new();
        let length =
            self.answers.read_line(&mut line).with_context(|| format!("{}: can't be read", self.name))?;
        if length == 0 {
            let status = self.child.wait().with_context(|| self.name.clone())?;
            bail!("{}: must answer every request; it ended with {status}", self.name);
        }
        let answer: Value = match serde_json::from_str(&line) {
            Ok(answer @ Value::Object(_)) => answer,
            _ => bail!("{}: answers must be JSON objects; found `{}`", self.name, line.trim_end()),
        };
        match answer.get("error") {
            Some(Value::String(error)) => bail!("{}: {error}", self.name),
            Some(error) => bail!("{}: {error}", self.name),
            None => Ok(answer),
        }
    }

    /// A list of numbers in an answer.
    pub(super) fn numbers(&mut self, key: &str) -> Result<Vec<f64>> {
        let answer = self.answer()?;
        let list = answer[key].as_array();
        let numbers: Option<Vec<f64>> = list.and_then(|list| list.iter().map(Value::as_f64).collect());
        numbers.with_context(|| format!("{}: `{key}` must be a list of numbers; found {answer}", self.name))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may be in the middle of something nobody waits for any more; one that has ended can't be killed.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use serde_json::json;

    fn shell(script: &str) -> Process {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Process::start("peer", command).unwrap()
    }

    #[test]
    fn a_question_gets_its_answer() {
        let mut process = shell("while read -r line; do echo '{\"seconds\": [0.5, 2]}'; done");
        for _ in 0..2 {
            process.ask(&json!({"do": "train"})).unwrap();
            assert_eq!(process.numbers("seconds").unwrap(), [0.5, 2.0]);
        }
    }

    #[test]
    fn what_goes_wrong_is_one_line() {
        let complaint = |script: &str| {
            let mut process = shell(script);
            process.ask(&json!({"do": "train"})).unwrap();
            process.numbers("seconds").unwrap_err().to_string()
        };
        assert_eq!(complaint("read -r line; echo '{\"error\": \"wants PyTorch\"}'"), "peer: wants PyTorch");
        assert_eq!(
            complaint("read -r line; exit 3"),
            "peer: must answer every request; it ended with exit status: 3"
        );
        assert_eq!(complaint("exit 3"), "peer: must answer every request; it ended with exit status: 3");
        assert_eq!(complaint("echo hello"), "peer: answers must be JSON objects; found `hello`");
        assert!(complaint("echo '{\"seconds\": [true]}'").contains("must be a list of numbers"));
        let missing = Process::start("peer", Command::new("/no/such/python")).err().unwrap();
        assert!(
            format!("{missing:#}").starts_with("peer: /no/such/python can't be started: "),
            "{missing:#}"
        );
    }
}
