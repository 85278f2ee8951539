//! The frame of a page, and what its sections are laid out with.

use super::html::escape;

const STYLE: &str = include_str!("style.css");

/// A whole page.
pub(super) fn page(title: &str, main: &str) -> String {
    let title = escape(title);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n<style>\n{STYLE}</style>\n\
         </head>\n<body>\n<header><h1>{title}</h1></header>\n<main>\n{main}\n</main>\n</body>\n</html>\n"
    )
}

pub(super) fn section(id: &str, title: &str, body: &str) -> String {
    format!("<section id=\"{id}\"><h2>{title}</h2>{body}</section>")
}

/// Two cards side by side, where there is room.
pub(super) fn pair(left: &str, right: &str) -> String {
    format!("<div class=\"pair\">{left}{right}</div>")
}
