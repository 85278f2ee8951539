//! `fetch` from end to end, from a folder or a server of the test's own: exit codes, messages, and what is left in the data folder.

use crate::harness::{Sandbox, complaint, stderr};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Output;

const FILES: [&str; 4] = [
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
];

/// Runs `fetch`.
fn fetch(sandbox: &Sandbox, arguments: &[&str]) -> Output {
    sandbox.output([&["fetch"], arguments].concat())
}

/// The line of a failed fetch that says why; other lines tell its steps. Nothing is printed as a result.
#[track_caller]
fn failure(output: &Output) -> String {
    let text = stderr(output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(output.stdout.is_empty() && !text.contains("panicked"), "{text}");
    let line = text.lines().find(|line| line.starts_with("error: "));
    line.unwrap_or_else(|| panic!("no line begins with error: {text}")).to_owned()
}

/// Names of all files in the datasets' folders but the lock, which stays.
fn fetched(sandbox: &Sandbox) -> Vec<String> {
    let below = |path| fs::read_dir(path).into_iter().flatten().map(|entry| entry.unwrap().path());
    let datasets = below(sandbox.path("data"));
    let names = datasets.flat_map(below).map(|path| path.file_name().unwrap().to_string_lossy().into_owned());
    names.filter(|name| ![".fetch-lock", "fetched.toml"].contains(&name.as_str())).collect()
}

#[test]
fn embedded_data_need_no_fetching() {
    let sandbox = Sandbox::new();
    let output = fetch(&sandbox, &["digits", "--data-dir", "data"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "digits: part of the program; nothing to fetch\n");
    assert!(!sandbox.path("data").exists());
}

#[test]
fn a_folder_without_the_files_is_a_failure() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("from")).unwrap();
    let message = failure(&fetch(&sandbox, &["mnist", "--from", "from", "--data-dir", "data"]));
    assert!(message.contains("from: folder must hold train-images-idx3-ubyte or "), "{message}");
    assert_eq!(fetched(&sandbox), [""; 0]);
}

#[test]
fn other_content_under_the_right_names_is_a_failure() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("from")).unwrap();
    for file in FILES {
        fs::write(sandbox.path("from").join(file), "not these").unwrap();
    }
    let message = failure(&fetch(&sandbox, &["mnist", "--from", "from", "--data-dir", "data"]));
    assert!(
        message.contains("content of train-images-idx3-ubyte must be 47040016 bytes; found 9"),
        "{message}"
    );
    assert_eq!(fetched(&sandbox), [""; 0]);

    // The right length is not enough.
    fs::write(sandbox.path("from").join(FILES[0]), vec![0; 47_040_016]).unwrap();
    let message = failure(&fetch(&sandbox, &["mnist", "--from", "from", "--data-dir", "data"]));
    assert!(message.contains("content of train-images-idx3-ubyte must have SHA-256 "), "{message}");
    assert_eq!(fetched(&sandbox), [""; 0]);
}

#[test]
fn what_all_take_is_told_before_the_first_is_begun() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("from")).unwrap();
    fs::write(sandbox.path("from").join(FILES[0]), "not this").unwrap();
    let output = fetch(&sandbox, &["mnist", "cifar10", "--from", "from", "--data-dir", "data"]);
    let text = String::from_utf8(output.stderr).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let taken = "nothing to transfer (taken from from)";
    assert_eq!(lines[0], format!("mnist: {taken}, 55.0 MB on disk; CC BY-SA 3.0"));
    assert!(lines[1].starts_with(&format!("cifar10: {taken}, at most 184.4 MB on disk; ")), "{text}");
    assert_eq!(lines[2], format!("together: {taken}, at most 239.4 MB on disk"));
    assert!(lines[3].starts_with("mnist: train-images-idx3-ubyte from from"), "{text}");
}

#[test]
fn a_data_folder_that_can_not_be_made_is_a_failure() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("from")).unwrap();
    fs::write(sandbox.path("file"), "mine").unwrap();
    failure(&fetch(&sandbox, &["mnist", "--from", "from", "--data-dir", "file/data"]));
    assert_eq!(fs::read_to_string(sandbox.path("file")).unwrap(), "mine");
}

#[test]
fn wrong_use_is_told_from_failure() {
    let sandbox = Sandbox::new();
    for (arguments, words) in [
        (&["cats"][..], "must be one of digits, mnist, fashion-mnist"),
        (&["mnist", "--from", "nowhere"], "there must be such a folder"),
        (&["mnist", "--mirror", "ftp://host"], "http:// or https://"),
        (&["mnist", "--from", ".", "--mirror", "http://host"], "cannot be used with"),
        (&["mnist", "--what"], "unexpected argument '--what'"),
    ] {
        let message = complaint(&fetch(&sandbox, arguments), 2);
        assert!(message.contains(words), "{message}");
    }
    assert_eq!(fs::read_dir(sandbox.path("")).unwrap().count(), 0);
}

/// The first line of a request; its headers are read too.
fn request_line(connection: &TcpStream) -> String {
    let mut lines = BufReader::new(connection).lines();
    let first = lines.next().unwrap().unwrap();
    while lines.next().is_some_and(|line| !line.unwrap().is_empty()) {}
    first
}

/// Fetches through the proxy that a variable of the environment names, and no other.
fn fetch_by_proxy(sandbox: &Sandbox, proxy: &str) -> Output {
    let mut command = sandbox.command();
    for name in ["ALL_PROXY", "all_proxy", "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "NO_PROXY", "no_proxy"]
    {
        command.env_remove(name);
    }
    let arguments = ["fetch", "mnist", "--mirror", "http://data.invalid/x", "--data-dir", "data"];
    command.args(arguments).env("http_proxy", proxy).output().unwrap()
}

#[test]
fn a_proxy_that_is_not_understood_is_not_passed_by() {
    let sandbox = Sandbox::new();
    for proxy in ["socks5://127.0.0.1:1080", "foo bar"] {
        let message = failure(&fetch_by_proxy(&sandbox, proxy));
        assert!(message.starts_with("error: environment variable http_proxy: must be "), "{message}");
    }
}

#[test]
fn a_proxy_of_the_environment_is_asked() {
    let sandbox = Sandbox::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = format!("http://{}", listener.local_addr().unwrap());
    // Opens a tunnel for each of the four files, and has none of them.
    let thread = std::thread::spawn(move || {
        let mut asked = Vec::new();
        for _ in FILES {
            let mut connection = listener.accept().unwrap().0;
            asked.push(request_line(&connection));
            connection.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").unwrap();
            asked.push(request_line(&connection));
            let answer = b"HTTP/1.1 404 x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            connection.write_all(answer).unwrap();
        }
        asked
    });
    let output = fetch_by_proxy(&sandbox, &proxy);
    let message = failure(&output);
    assert!(message.contains("http://data.invalid/x/") && message.contains("status 404"), "{message}");
    assert!(message.ends_with("; try again later, or use --mirror URL or --from DIR"), "{message}");
    let asked = thread.join().unwrap();
    assert!(asked.iter().any(|line| line.starts_with("CONNECT data.invalid:80")), "{asked:?}");
    assert!(asked.iter().any(|line| line.starts_with("GET /x/train-images-idx3-ubyte.gz")), "{asked:?}");
}

#[test]
fn the_list_names_every_dataset() {
    let sandbox = Sandbox::new();
    let output = fetch(&sandbox, &["list", "--data-dir", "data"]);
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    for name in ["digits", "mnist", "fashion-mnist", "kmnist", "cifar10", "cifar100", "svhn", "tiny-imagenet"]
    {
        assert!(text.lines().any(|line| line.starts_with(&format!("{name} "))), "{name} is not in\n{text}");
    }
    assert!(!sandbox.path("data").exists());
}

/// Where a fetch that has to fail was at work.
#[test]
#[cfg(not(target_os = "macos"))]
fn the_data_folder_is_where_training_looks() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("from")).unwrap();
    let fetch = |variable: Option<&str>, flags: &[&str]| {
        let mut command = sandbox.command();
        command.args(["fetch", "mnist", "--from", "from"]).args(flags);
        failure(&command.envs(variable.map(|folder| ("NOPROPDT_DATA_DIR", folder))).output().unwrap());
    };
    let lock = |folder: &str| sandbox.exists(&format!("{folder}/mnist/.fetch-lock"));
    fetch(None, &[]);
    assert!(lock("cache/nopropdt") && !sandbox.exists("data"));
    // Made where it is not there.
    fetch(Some("named"), &[]);
    assert!(lock("named"));
    fetch(Some("other"), &["--data-dir", "flagged"]);
    assert!(lock("flagged") && !sandbox.exists("other"));
    fs::create_dir(sandbox.path("data")).unwrap();
    fetch(None, &[]);
    assert!(lock("data"));
}

/// What a closed pipe and a full disk do to what is printed.
#[test]
#[cfg(target_os = "linux")]
fn nobody_has_to_listen() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("from")).unwrap();
    let closed = || std::process::Stdio::from(std::io::pipe().unwrap().1);
    let full = || std::process::Stdio::from(fs::File::options().write(true).open("/dev/full").unwrap());
    for (arguments, code) in
        [(&["list"][..], 0), (&["digits"], 0), (&["mnist", "--from", "from"], 1), (&["cats"], 2)]
    {
        let command = || {
            let mut command = std::process::Command::new(crate::harness::PROGRAM);
            command.arg("fetch").args(arguments).args(["--data-dir", "data"]).current_dir(sandbox.path(""));
            command
        };
        for output in [
            command().stdout(closed()).output(),
            command().stderr(closed()).output(),
            command().stderr(full()).output(),
            command().stdout(closed()).stderr(closed()).output(),
        ] {
            let output = output.unwrap();
            assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", stderr(&output));
        }
        if code == 0 {
            let message = complaint(&command().stdout(full()).output().unwrap(), 1);
            assert!(message.starts_with("error: standard output: can't be written: "), "{message}");
        }
    }
}
