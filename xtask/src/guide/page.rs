//! What a page of the documentation holds beside its sentences: fenced blocks, and in them commands and files.

/// A fenced block.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Block<'a> {
    /// Number of its first line.
    pub(crate) line: usize,
    /// What the fence says it is: `sh`, `toml`, …
    pub(crate) language: &'a str,
    pub(crate) lines: Vec<&'a str>,
}

/// The fenced blocks of a page.
pub(crate) fn blocks(page: &str) -> Vec<Block<'_>> {
    let (mut found, mut open) = (Vec::new(), false);
    for (number, line) in page.lines().enumerate() {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            if !open {
                found.push(Block { line: number + 2, language, lines: Vec::new() });
            }
            open = !open;
        } else if let Some(block) = found.last_mut().filter(|_| open) {
            block.lines.push(line);
        }
    }
    found
}

/// What a reader who follows a page does.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step<'a> {
    /// Types a command that succeeds: a line of an `sh` block, without its comment.
    Command { line: usize, text: &'a str },
    /// Types a command and sees this, whether it succeeds or not: a `console` block, where commands follow `$ `.
    Session { line: usize, text: &'a str, shown: Vec<&'a str> },
    /// Saves a block whose first line is the comment `# NAME`, NAME being that of a file.
    File { name: &'a str, text: String },
}

/// The steps of a page, in order.
pub(crate) fn steps(page: &str) -> Vec<Step<'_>> {
    blocks(page).iter().flat_map(steps_of).collect()
}

fn steps_of<'a>(block: &Block<'a>) -> Vec<Step<'a>> {
    let numbered = block.lines.iter().enumerate().map(|(number, &line)| (block.line + number, line));
    match block.language {
        "sh" => numbered
            .map(|(line, text)| (line, text.split_once(" #").map_or(text, |(command, _)| command).trim()))
            .filter(|(_, text)| !text.is_empty() && !text.starts_with('#'))
            .map(|(line, text)| Step::Command { line, text })
            .collect(),
        "console" => {
            let mut found = Vec::new();
            for (line, text) in numbered {
                match (text.strip_prefix("$ "), found.last_mut()) {
                    (Some(text), _) => found.push(Step::Session { line, text, shown: Vec::new() }),
                    (None, Some(Step::Session { shown, .. })) => shown.push(text),
                    (None, _) => panic!("line {line}: a console block begins with a command: $ …"),
                }
            }
            found
        }
        _ => {
            let named = block.lines.first().and_then(|line| line.strip_prefix("# "));
            let file = named.filter(|name| {
                let ends = [".toml", ".py"].iter().any(|end| name.ends_with(end));
                ends && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
            });
            let text = || block.lines.iter().map(|line| format!("{line}\n")).collect();
            file.map(|name| Step::File { name, text: text() }).into_iter().collect()
        }
    }
}

/// Whether a program printed what a page shows: `…` in a line stands for any text, and a line of nothing else for any lines.
///
/// # Errors
/// The first line that is shown and was not printed, or else that was printed and is not shown.
pub(crate) fn matches(shown: &[&str], printed: &[&str]) -> Result<(), String> {
    let Some((&first, rest)) = shown.split_first() else {
        return printed.first().map_or(Ok(()), |line| Err(format!("it also printed: {line}")));
    };
    if first.trim() == "…" {
        let ends = (0..=printed.len()).map(|from| matches(rest, &printed[from..]));
        // The failure that says most is that of the first place where the next line is.
        let all: Vec<_> = ends.collect();
        let failure = all.iter().find_map(|found| found.as_ref().err().cloned()).unwrap_or_default();
        return if all.iter().any(Result::is_ok) { Ok(()) } else { Err(failure) };
    }
    match printed.split_first() {
        Some((line, after)) if line_matches(first, line) => matches(rest, after),
        Some((line, _)) => Err(format!("it shows: {first}\nit printed: {line}")),
        None => Err(format!("it shows, and printed nothing more: {first}")),
    }
}

fn line_matches(shown: &str, printed: &str) -> bool {
    let mut parts = shown.trim_end().split('…');
    let first = parts.next().unwrap_or_default();
    let Some(mut left) = printed.trim_end().strip_prefix(first) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return left.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return left.ends_with(part);
        }
        let Some(found) = left.find(part) else { return false };
        left = &left[found + part.len()..];
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_what_its_reader_does() {
        let page = "Say `no`.\n```sh\na --b   # why\n\n# nothing\n```\n```toml\n# x.toml\nk = 1\n```\n```toml\nk = 2\n```\n\
                    ```console\n$ c d\nout …\n$ e\n```\n```text\nf\n```\n";
        let expected = [
            Step::Command { line: 3, text: "a --b" },
            Step::File { name: "x.toml", text: "# x.toml\nk = 1\n".to_owned() },
            Step::Session { line: 15, text: "c d", shown: vec!["out …"] },
            Step::Session { line: 17, text: "e", shown: vec![] },
        ];
        assert_eq!(steps(page), expected);
    }

    #[test]
    fn what_is_left_out_may_be_anything_and_nothing_else_may() {
        let printed = ["one 1", "two", "three 3 and more"];
        for shown in [
            &["one 1", "two", "three …"][..],
            &["…"],
            &["one …", "…", "three … more"],
            &["…", "th…ee 3 … more", "…"],
        ] {
            assert_eq!(matches(shown, &printed), Ok(()), "{shown:?}");
        }
        let failure = |shown: &[&str]| matches(shown, &printed).unwrap_err();
        assert_eq!(failure(&["one 2"]), "it shows: one 2\nit printed: one 1");
        assert_eq!(failure(&["one 1"]), "it also printed: two");
        assert_eq!(failure(&["…", "four"]), "it shows: four\nit printed: one 1");
        assert_eq!(failure(&["one 1", "two", "three …", "four"]), "it shows, and printed nothing more: four");
        assert!(!line_matches("a…b", "ab c") && !line_matches("a … c", "a") && line_matches("a…", "a"));
    }
}
