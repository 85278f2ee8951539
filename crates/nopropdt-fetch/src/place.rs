//! From a checked file or folder to its final name.

use std::fs;
use std::path::Path;

use crate::contents::fingerprint;
use crate::disk::with_suffix;
use crate::{FetchError, FetchEvent};

/// Moves what is ready to its final name. What lies there is left as it is when it is the same, and set aside when it isn't:
/// only now that there is better.
pub(crate) fn place(
    ready: &Path,
    to: &Path,
    name: &str,
    on_event: &mut dyn FnMut(FetchEvent<'_>),
) -> Result<(), FetchError> {
    if is_there(to) {
        if is_same(ready, to) {
            return Ok(());
        }
        set_aside(to, name, on_event)?;
    }
    fs::rename(ready, to).map_err(FetchError::io("rename", ready))
}

/// Whether a name is taken, be it by a link that leads nowhere.
fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// Whether two files or folders have the same content; what can't be read doesn't.
fn is_same(ready: &Path, there: &Path) -> bool {
    // The user's file may be a link to one elsewhere.
    let Ok(there) = there.canonicalize() else { return false };
    let equal = || Ok::<_, FetchError>(fingerprint(ready)? == fingerprint(&there)?);
    ready.is_dir() == there.is_dir() && equal().unwrap_or(false)
}

/// Renames whatever lies at `path` to `NAME.wrong` (or `.wrong-2`, `.wrong-3`, …), so that nothing wrong stays under a final
/// name and nothing of the user's is lost.
fn set_aside(path: &Path, file: &str, on_event: &mut dyn FnMut(FetchEvent<'_>)) -> Result<(), FetchError> {
    let names =
        (1_u32..).map(|count| if count == 1 { ".wrong".to_owned() } else { format!(".wrong-{count}") });
    let free = names.map(|suffix| with_suffix(path, &suffix)).find(|to| !is_there(to));
    let to = free.unwrap_or_else(|| with_suffix(path, ".wrong"));
    fs::rename(path, &to).map_err(FetchError::io("rename", path))?;
    on_event(FetchEvent::SetAside { file, to: &to });
    Ok(())
}
