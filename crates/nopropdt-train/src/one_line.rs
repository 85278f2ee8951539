//! Problems on one line: errors of libraries quote the file they read, line feeds and all.

/// Longest problem, in characters.
const MOST: usize = 300;

/// A problem on one line of bounded length, whatever of a file it quotes.
#[must_use]
pub fn one_line(problem: &str) -> String {
    let words = problem.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let line = words.collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MOST) {
        Some((end, _)) => format!("{} …", &line[..end]),
        None => line,
    }
}
