//! Comma-separated values (RFC 4180).

/// A line of these fields, without its end. A field with a comma, a quote or a line break is quoted.
pub(crate) fn line(fields: &[String]) -> String {
    let field = |field: &String| match field.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", field.replace('"', "\"\"")),
        false => field.clone(),
    };
    fields.iter().map(field).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_be_mistaken_is_quoted() {
        let fields = ["a", "", "b,c", "say \"x\"", "two\nlines"].map(String::from);
        assert_eq!(line(&fields), "a,,\"b,c\",\"say \"\"x\"\"\",\"two\nlines\"");
    }
}
