//! How a folder is laid out: which of its folders are parts, such as `train` and `test`, and which are classes.
//!
//! A part is a folder that is called like one and holds class folders. Without these it is left out, or is a class itself where other
//! classes lie beside it.

use std::path::Path;

use super::names::{Places, composed};
use super::spelling::{self, Part, Spelling};
use super::tree::{Tree, no_class_folders};
use crate::note::Note;
use crate::{DataError, ShareFault};

/// Folders of one name inside each other, such as `seg_train/seg_train`.
const MOST_NESTED: usize = 3;

const NO_CLASSES: &str = "has no class folders";
const UNKNOWN_CLASSES: &str = "has no folder of a training class";
const NOT_NEEDED: &str = "is not needed";
const NO_PART: &str = "has the name of no part (train, test, val)";

/// How a folder is laid out.
pub(super) enum Layout {
    /// Training and test pictures lie apart; `train` is none where test pictures alone are wanted.
    Divided { train: Option<Tree>, test: Tree },
    /// All pictures lie in one tree; where a folder of test pictures is of no use, `no_test` says why.
    Single { tree: Tree, no_test: Option<String> },
}

/// A folder that is left out, and why.
type Unused = (String, &'static str);

impl Layout {
    /// Lays out a folder to train on; also what its user should know of that.
    pub(super) fn find(path: &Path) -> Result<(Self, Vec<Note>), DataError> {
        let root = Tree::root(path)?;
        let Parts { training, tests, others } = Parts::of(&root)?;
        let (train, flat) = training_part(path, training)?;
        let Some(train) = train else { return without_training(root, &flat, &tests, &others) };
        let classes: Vec<String> =
            train.tree.folders.iter().map(|name| composed(name).into_owned()).collect();
        let (test, unused) = chosen(tests, &Places::of(&classes), false);
        if test.is_none() && unused.is_empty() {
            check_alone(path, &train, &others)?;
        }
        let flat = flat.into_iter().map(|part| (part.name, NO_CLASSES));
        let others = others.into_iter().map(|name| (name, NO_PART));
        Ok(of_parts(root, Some(train), test, unused, flat.chain(others)))
    }

    /// [`find`](Self::find) for those who want test pictures of these classes alone: none to train on need be there.
    pub(super) fn find_test(path: &Path, class_names: &[String]) -> Result<(Self, Vec<Note>), DataError> {
        let root = Tree::root(path)?;
        let places = Places::of(class_names);
        let Parts { training, mut tests, others } = Parts::of(&root)?;
        // A folder that is called like a class is one, unless it holds folders of classes.
        tests.retain(|part| part.is_labelled(&places) || places.get(&part.folder).is_none());
        let (test, unused) = chosen(tests, &places, true);
        if test.is_some() {
            return Ok(of_parts(root, None, test, unused, []));
        }
        let (train, _) = training_part(path, training)?;
        match (train, unused.first()) {
            (Some(train), unusable) => {
                if unusable.is_none() {
                    check_alone(path, &train, &others)?;
                }
                Ok(of_parts(root, Some(train), None, unused, []))
            }
            (None, Some((flat, _))) if others.is_empty() => Err(no_class_folders(&path.join(flat))),
            (None, _) => Ok((Self::Single { tree: root, no_test: None }, Vec::new())),
        }
    }
}

/// A folder that is called like a part.
struct Candidate {
    /// Its name at the top.
    folder: String,
    /// The way to its tree, which may lie in a folder of the same name.
    name: String,
    part: Part,
    tree: Tree,
}

impl Candidate {
    fn open(root: &Tree, folder: &str, part: Part) -> Result<Self, DataError> {
        let (mut tree, mut name) = (root.inner(folder)?, folder.to_owned());
        for _ in 1..MOST_NESTED {
            let [inner] = &tree.folders[..] else { break };
            if spelling::part(inner).is_none_or(|spelling| spelling.part != part) {
                break;
            }
            let mut within = tree.inner(inner)?;
            if within.folders.is_empty() {
                break;
            }
            name = format!("{name}/{inner}");
            within.left_out.append(tree.left_out);
            tree = within;
        }
        Ok(Self { folder: folder.to_owned(), name, part, tree })
    }

    fn has_classes(&self) -> bool {
        !self.tree.folders.is_empty()
    }

    fn is_labelled(&self, classes: &Places<'_>) -> bool {
        self.tree.folders.iter().any(|name| classes.get(name).is_some())
    }
}

/// The folders at the top.
struct Parts {
    training: Vec<Candidate>,
    /// Those called like test pictures come first.
    tests: Vec<Candidate>,
    others: Vec<String>,
}

impl Parts {
    fn of(root: &Tree) -> Result<Self, DataError> {
        let spellings: Vec<Option<Spelling>> = root.folders.iter().map(|name| spelling::part(name)).collect();
        // `flowers-train` alone may be anything; beside `flowers-test` it is a part.
        let has_partner = |one: &Spelling| {
            let fits = |other: &&Spelling| {
                other.rest == one.rest && (other.part == Part::Training) != (one.part == Part::Training)
            };
            spellings.iter().flatten().any(|other| fits(&other))
        };
        let (mut training, mut tests, mut others) = (Vec::new(), Vec::new(), Vec::new());
        for (folder, spelling) in root.folders.iter().zip(&spellings) {
            match spelling.as_ref().filter(|one| one.rest.is_empty() || has_partner(one)) {
                Some(Spelling { part: Part::Training, .. }) => {
                    training.push(Candidate::open(root, folder, Part::Training)?);
                }
                Some(Spelling { part, .. }) => tests.push(Candidate::open(root, folder, *part)?),
                None => others.push(folder.clone()),
            }
        }
        tests.sort_by_key(|test| (test.part, !["test", "val"].contains(&test.folder.as_str())));
        Ok(Self { training, tests, others })
    }
}

/// The one folder of training pictures, and those called so that hold no class folders.
fn training_part(
    path: &Path,
    training: Vec<Candidate>,
) -> Result<(Option<Candidate>, Vec<Candidate>), DataError> {
    let (mut training, flat): (Vec<_>, Vec<_>) = training.into_iter().partition(Candidate::has_classes);
    if let [first, second, ..] = &training[..] {
        let rule = "must hold one folder of training pictures";
        let found = format!("found {} and {}; merge them, or take one away", first.name, second.name);
        return Err(DataError::in_file(path, rule, found));
    }
    Ok((training.pop(), flat))
}

/// The part to test on, and why the others are not: the first with folders of known classes, else one whose folders are a fault to be
/// told, as they have nearly the names of classes or, if `or_any`, any names.
fn chosen(tests: Vec<Candidate>, classes: &Places<'_>, or_any: bool) -> (Option<Candidate>, Vec<Unused>) {
    let is_fault =
        |part: &Candidate| classes.any_nearly(&part.tree.folders) || (or_any && part.has_classes());
    let labelled = tests.iter().position(|part| part.is_labelled(classes));
    let place = labelled.or_else(|| tests.iter().position(is_fault));
    let (mut test, mut unused) = (None, Vec::new());
    for (index, part) in tests.into_iter().enumerate() {
        let why = match (part.has_classes(), part.is_labelled(classes)) {
            _ if place == Some(index) => {
                test = Some(part);
                continue;
            }
            (false, _) => NO_CLASSES,
            (true, false) => UNKNOWN_CLASSES,
            (true, true) => NOT_NEEDED,
        };
        unused.push((part.name, why));
    }
    (test, unused)
}

/// The layout of the parts that are used, or of the whole when none is.
fn of_parts(
    root: Tree,
    train: Option<Candidate>,
    test: Option<Candidate>,
    unused: Vec<Unused>,
    others: impl IntoIterator<Item = Unused>,
) -> (Layout, Vec<Note>) {
    let name = |part: &Option<Candidate>| part.as_ref().map(|part| part.name.clone());
    let (training_name, test_name) = (name(&train), name(&test));
    let no_test = unused.first().map(|(folder, why)| format!("{folder} {why}"));
    let left_out: Vec<Unused> = unused.into_iter().chain(others).collect();
    let is_plain = left_out.is_empty()
        && training_name.as_deref().is_none_or(|name| name == "train")
        && test_name.as_deref().is_none_or(|name| name == "test");
    let note = Note::Parts { training: training_name, test: test_name, left_out };
    let mut layout = match (train, test) {
        (train, Some(test)) => Layout::Divided { train: train.map(|part| part.tree), test: test.tree },
        (Some(train), None) => Layout::Single { tree: train.tree, no_test },
        (None, None) => return (Layout::Single { tree: root, no_test }, Vec::new()),
    };
    let first = match &mut layout {
        Layout::Divided { train, test } => train.as_mut().unwrap_or(test),
        Layout::Single { tree, .. } => tree,
    };
    first.left_out.append(root.left_out);
    (layout, if is_plain { Vec::new() } else { vec![note] })
}

/// What a folder is without training pictures in a part: classes, unless what it holds is called like parts.
fn without_training(
    root: Tree,
    flat: &[Candidate],
    tests: &[Candidate],
    others: &[String],
) -> Result<(Layout, Vec<Note>), DataError> {
    let path = &root.path;
    let any_part = !flat.is_empty() || !tests.is_empty();
    let parts_alone = any_part && others.iter().all(|name| spelling::part(name).is_some());
    // Classes may be called `train` or `test`; where both are there, or nothing else is, they are no classes.
    if let Some(flat) = flat.first().filter(|_| parts_alone || !tests.is_empty()) {
        return Err(no_class_folders(&flat.tree.path));
    }
    if let (true, Some(test)) = (parts_alone, tests.first()) {
        return Err(match tests.iter().find(|test| test.has_classes()) {
            Some(test) => DataError::FolderSplit {
                folder: path.clone(),
                fault: ShareFault::TestPicturesAlone(test.tree.path.clone()),
                found: format!("it holds {} alone", test.name),
            },
            None => no_class_folders(&test.tree.path),
        });
    }
    let beside = |test: &&Candidate| test.tree.folders.iter().any(|name| others.contains(name));
    if let Some(test) = tests.iter().find(beside) {
        let rule = "training classes must not lie beside the folder of test pictures";
        let found = format!("found {} and {}; move the training classes into train", others[0], test.name);
        return Err(DataError::in_file(path, rule, found));
    }
    if let [only] = others
        && Parts::of(&root.inner(only)?)?.training.iter().any(Candidate::has_classes)
    {
        return Err(DataError::FolderSplit {
            folder: path.clone(),
            fault: ShareFault::FurtherIn,
            found: format!("these are one folder further in; take {}", path.join(only).display()),
        });
    }
    let folders: Vec<String> = flat.iter().chain(tests).map(|part| part.folder.clone()).collect();
    let notes = if folders.is_empty() { Vec::new() } else { vec![Note::PartsAsClasses { folders }] };
    Ok((Layout::Single { tree: root, no_test: None }, notes))
}

/// Fails when other folders lie beside training pictures without test pictures: classes, or nothing of interest?
fn check_alone(path: &Path, train: &Candidate, others: &[String]) -> Result<(), DataError> {
    let Some(other) = others.first() else { return Ok(()) };
    let name = &train.name;
    Err(DataError::in_file(
        path,
        format!("must hold no other folder beside {name}, unless one is test or val"),
        format!(
            "found {other}; rename {name} if it is a class, or take what is in it alone: {}",
            train.tree.path.display()
        ),
    ))
}
