//! `rembg remove`: files, folders and pipes, with no server.

use std::{
    fs,
    io::Write as _,
    path::Path,
    process::{Command, Output, Stdio},
};

use e2e::{Drawing, Form, Kind, TestServer, decode, photo, program};

fn rembg(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(program("rembg"))
        .arg("remove")
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("rembg runs")
}

#[track_caller]
fn succeeded(output: &Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_file_becomes_a_file() {
    let folder = tempfile::tempdir().expect("folder");
    fs::write(folder.path().join("photo.jpg"), photo()).expect("photo");
    succeeded(&rembg(folder.path(), &["photo.jpg", "-o", "out.png"]));
    let cut = decode(&fs::read(folder.path().join("out.png")).expect("the result"));
    assert_eq!((cut.kind, cut.size(), cut.opaque()), (Kind::Png, (96, 72), false));
    succeeded(&rembg(folder.path(), &["photo.jpg"]));
    let beside = fs::read_dir(folder.path()).expect("folder").count();
    assert_eq!(beside, 3, "without -o the result stands beside the photo");
}

#[test]
fn every_option_has_its_flag() {
    let folder = tempfile::tempdir().expect("folder");
    fs::write(folder.path().join("photo.jpg"), photo()).expect("photo");
    let rows: &[(&[&str], Kind, (u32, u32))] = &[
        (&["--format", "webp"], Kind::Webp, (96, 72)),
        (&["--format", "JPEG", "--bg-color", "navy"], Kind::Jpeg, (96, 72)),
        (&["--width", "48"], Kind::Png, (48, 36)),
        (&["--height", "36"], Kind::Png, (48, 36)),
        (&["--mask"], Kind::Png, (96, 72)),
        (&["--angle", "-90"], Kind::Png, (72, 96)),
        (&["--angle", "90", "--no-expand"], Kind::Png, (96, 72)),
    ];
    for (arguments, kind, size) in rows {
        let arguments = [&["photo.jpg", "-o", "-"], *arguments].concat();
        let output = rembg(folder.path(), &arguments);
        succeeded(&output);
        let cut = decode(&output.stdout);
        assert_eq!((cut.kind, cut.size()), (*kind, *size), "{arguments:?}");
    }
    for wrong in
        [&["--format", "gif"], &["--angle", "500"], &["--bg-color", "#12345"], &["--width", "-1"]]
    {
        let output = rembg(folder.path(), &[&["photo.jpg"], &wrong[..]].concat());
        assert!(!output.status.success(), "{wrong:?}");
        assert!(!output.stderr.is_empty(), "{wrong:?}");
    }
}

#[test]
fn a_pipe_gives_what_the_server_gives() {
    let folder = tempfile::tempdir().expect("folder");
    let mut child = Command::new(program("rembg"))
        .args(["remove", "-", "-o", "-", "--format", "webp"])
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("rembg runs");
    child.stdin.take().expect("a pipe").write_all(&photo()).expect("writes");
    let output = child.wait_with_output().expect("ends");
    succeeded(&output);
    let server = TestServer::one_process();
    assert!(output.stdout == server.rmbg(Form::image(&photo())).send().ok().body);
}

/// A bad file costs the exit code, not the other pictures.
#[test]
fn a_folder_goes_on_after_a_bad_file() {
    let folder = tempfile::tempdir().expect("folder");
    let photos = folder.path().join("photos");
    fs::create_dir(&photos).expect("folder");
    for number in 0..4 {
        let file = Drawing::new(64, 48).seed(number).file(Kind::Jpeg);
        fs::write(photos.join(format!("{number}.jpg")), file).expect("photo");
    }
    fs::write(photos.join("broken.jpg"), &photo()[..600]).expect("photo");
    let output = rembg(folder.path(), &["photos", "-o", "cut", "--jobs", "2"]);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("broken.jpg"));
    let made = fs::read_dir(folder.path().join("cut")).expect("results").count();
    assert_eq!(made, 4);
}
