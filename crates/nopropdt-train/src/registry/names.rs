//! Things by name, with a word about each.

use crate::config::ConfigError;

/// Things by name, in the order in which they were added.
#[derive(Clone)]
pub(super) struct Names<T> {
    /// What they are: `block`.
    kind: &'static str,
    entries: Vec<(&'static str, &'static str, T)>,
    /// How many are built in.
    builtin: usize,
}

impl<T> std::fmt::Debug for Names<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

impl<T> Names<T> {
    pub(super) fn new(kind: &'static str) -> Self {
        Self { kind, entries: Vec::new(), builtin: 0 }
    }

    /// # Panics
    /// When the name is taken.
    pub(super) fn add(&mut self, name: &'static str, about: &'static str, thing: T) {
        assert!(self.names().all(|taken| taken != name), "{} {name}: the name is taken", self.kind);
        self.entries.push((name, about, thing));
    }

    /// All that there are so far are built in.
    pub(super) fn mark(&mut self) {
        self.builtin = self.entries.len();
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.entries.iter().map(|(name, ..)| *name)
    }

    /// Names with a word about each.
    pub(super) fn told(&self) -> Vec<(&'static str, &'static str)> {
        self.entries.iter().map(|&(name, about, _)| (name, about)).collect()
    }

    pub(super) fn get(&self, name: &str) -> Result<&T, ConfigError> {
        match self.entries.iter().find(|(own, ..)| *own == name) {
            Some((.., thing)) => Ok(thing),
            None => Err(ConfigError::Range {
                setting: self.kind.into(),
                rule: format!("one of {}", self.names().collect::<Vec<_>>().join(", ")),
                found: name.to_owned(),
            }),
        }
    }

    /// Refuses a name that is neither of these nor of `others`.
    pub(super) fn check(&self, name: &str, others: &[&str]) -> Result<(), String> {
        if self.names().any(|known| known == name) || others.contains(&name) {
            return Ok(());
        }
        let quoted = |known: &str| format!("`{known}`");
        let all: Vec<String> =
            self.names().map(quoted).chain(others.iter().map(|known| quoted(known))).collect();
        Err(format!("unknown {} `{name}`, must be one of {}", self.kind, all.join(", ")))
    }

    /// What help adds for names that are not built in.
    #[cfg(feature = "cli")]
    pub(super) fn also(&self) -> String {
        let own = &self.entries[self.builtin..];
        let own: Vec<String> = own.iter().map(|(name, about, _)| format!("{name} ({about})")).collect();
        if own.is_empty() { String::new() } else { format!("; of this program also: {}", own.join(", ")) }
    }
}
