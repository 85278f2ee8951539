//! How the server begins and ends.

use crate::client::{connect, get};
use crate::world::{Served, digits, model, png, runs};
use nopropdt_serve::{Limits, Options, Server};
use nopropdt_train::registry::Registry;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::thread::{sleep, spawn};
use std::time::Duration;

fn program(arguments: &[&str]) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_nopropdt-serve"));
    program.args(arguments).current_dir(runs()).stdout(Stdio::piped()).stderr(Stdio::piped());
    program
}

fn failure(arguments: &[&str]) -> (i32, String) {
    let Output { status, stderr, .. } = program(arguments).output().unwrap();
    (status.code().unwrap(), String::from_utf8(stderr).unwrap())
}

#[test]
fn what_is_under_way_is_finished_before_it_ends() {
    let mut served = Served::new();
    let picture = png(8, 8, &digits(1)[0].0);
    let mut slow = connect(served.address);
    let head =
        format!("POST /api/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n", picture.len());
    slow.write_all(head.as_bytes()).unwrap();
    slow.write_all(&picture[..10]).unwrap();
    sleep(Duration::from_millis(300));
    let address = served.address;
    let asker = spawn(move || {
        sleep(Duration::from_millis(500));
        assert!(TcpStream::connect(address).is_err(), "nobody new is let in");
        slow.write_all(&picture[10..]).unwrap();
        let mut told = String::new();
        slow.read_to_string(&mut told).unwrap();
        told
    });
    served.stop();
    let told = asker.join().unwrap();
    assert!(told.starts_with("HTTP/1.1 200 OK") && told.contains("\"probability\""), "{told}");
}

fn listening(arguments: &[&str]) -> (Child, std::net::SocketAddr) {
    let mut child = program(arguments).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("nopropdt-serve: http://").and_then(|rest| rest.strip_suffix('/'));
    (child, address.unwrap_or_else(|| panic!("{line:?}")).parse().unwrap())
}

#[cfg(unix)]
#[test]
fn signals_end_the_program_with_0() {
    for signal in ["INT", "TERM"] {
        let (mut child, address) = listening(&["--port", "0", "--runs", "."]);
        get(address, "/health").answered();
        let killed = Command::new("kill").args(["-s", signal, &child.id().to_string()]).status().unwrap();
        assert!(killed.success());
        assert_eq!(child.wait().unwrap().code(), Some(0), "{signal}");
    }
}

#[test]
fn the_folder_called_runs_is_found() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("runs")).unwrap();
    let mut child = program(&["--port", "0"]).current_dir(folder.path()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address =
        line.trim().trim_start_matches("nopropdt-serve: http://").trim_end_matches('/').parse().unwrap();
    let health = get(address, "/health").answered();
    assert_eq!((&health["runs"], &health["model"]), (&true.into(), &false.into()));
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn wrong_use_is_one_line_and_2() {
    for (arguments, told) in [
        (&["--model", "none.safetensors"][..], "error: --model none.safetensors: there is no such file\n"),
        (&["--model", "small"], "error: --model small: must be a file; it is none\n"),
        (&["--runs", "none"], "error: --runs none: there is no such folder\n"),
    ] {
        assert_eq!(failure(arguments), (2, told.to_owned()));
    }
    for arguments in [
        &["--port", "70000"][..],
        &["--host", "localhost.example"],
        &["--threads", "0"],
        &["--queue", "0"],
        &["more"],
    ] {
        let (code, told) = failure(arguments);
        assert!(code == 2 && told.starts_with("error: "), "{told}");
    }
    let (code, told) = failure(&["--model", "small/config.toml"]);
    assert!(
        code == 1 && told.starts_with("error: small/config.toml: ") && told.lines().count() == 1,
        "{told}"
    );
}

#[test]
fn a_port_that_is_taken_is_told() {
    let served = Served::new();
    let port = served.address.port();
    let (code, told) = failure(&["--port", &port.to_string()]);
    assert!(
        code == 1 && told.starts_with(&format!("error: 127.0.0.1:{port}: can't be listened on: ")),
        "{told}"
    );
}

#[test]
fn models_with_blocks_of_ones_own_are_served_by_their_registry() {
    use nopropdt_blocks::ConvBlock;
    use nopropdt_train::config::Overrides;
    use nopropdt_train::model_file::{ModelMetadata, save};
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("own.safetensors");
    let own = || {
        Registry::builtin().block(
            "narrow",
            "fewer channels",
            ConvBlock { channels: [4, 4, 4], ..ConvBlock::paper() },
        )
    };
    let config =
        Overrides::default().with("block", "narrow").with("steps", 2).resolve_in(&own(), None).unwrap();
    let network = config.network(&[8, 8, 1], 10).unwrap();
    let weights = network.init(1);
    let shape = nopropdt_data::ImageShape { height: 8, width: 8, channels: 1 };
    let names: Vec<String> = (0..10).map(|class| class.to_string()).collect();
    let metadata = ModelMetadata::new(&config, shape, network.alpha_bar(&weights), &names);
    save(&path, &metadata, network.as_ref(), &weights).unwrap();
    let options = Options { model: Some(path), port: 0, ..Options::default() };
    let bound = |registry| Server::bind(registry, &options, Limits::default());
    assert!(bound(Registry::builtin()).err().unwrap().to_string().contains("unknown block `narrow`"));
    bound(own()).unwrap();
    let other = Options { model: Some(model()), port: 0, ..Options::default() };
    Server::bind(own(), &other, Limits::default()).unwrap();
}
