//! Images and archives that were made to do harm: each is named, left out or an error, and none fills the
//! memory.

use std::fmt::Write as _;
use std::io::Cursor;
use std::io::Write as _;
use std::os::unix::fs::symlink;

use ablate::imaging::grid;
use ablate::imaging::rgb::Rgb;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::memory::peak;
use crate::sandbox::Sandbox;

/// Most memory that a run over any of these may take beyond one over a sound image, KiB. Bombs that were
/// believed would take gigabytes.
const MOST: u64 = 100 << 10;

/// Files of an archive of very many.
const MANY: u64 = 200_000;

const LOAD: &str = "\
ablate: 1
name: bombs
stages:
  retina: {kind: load, params: {folder: eyes, size: 8, skip: 100}}
";

fn chunk(name: [u8; 4], data: &[u8]) -> Vec<u8> {
    let mut crc = flate2::Crc::new();
    crc.update(&name);
    crc.update(data);
    let length = (data.len() as u32).to_be_bytes();
    [&length[..], &name, data, &crc.sum().to_be_bytes()].concat()
}

/// A sound PNG of black pixels, or of as many of them as are given.
fn png(side: u32, rows: u32) -> Vec<u8> {
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::best());
    let row = vec![0; side as usize * 3 + 1];
    (0..rows).for_each(|_| packed.write_all(&row).expect("memory"));
    let head = [&side.to_be_bytes()[..], &side.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
    [
        b"\x89PNG\r\n\x1a\n".to_vec(),
        chunk(*b"IHDR", &head),
        chunk(*b"IDAT", &packed.finish().expect("memory")),
        chunk(*b"IEND", b""),
    ]
    .concat()
}

/// Images that say that they are huge, and a little of their content.
fn bombs() -> Vec<(&'static str, Vec<u8>)> {
    let sides = [0xff; 4];
    let mut frame = vec![0xff, 0xd8, 0xff, 0xc0, 0, 17, 8];
    frame.extend(sides);
    frame.extend([3, 1, 0x22, 0, 2, 0x11, 0, 3, 0x11, 0, 0xff, 0xda, 0, 12, 3, 1, 0, 2, 0, 3, 0]);
    frame.extend([0, 63, 0, 0xff, 0xd9]);
    let progressive = frame.iter().enumerate().map(|(at, byte)| if at == 3 { 0xc2 } else { *byte });
    let mut bmp =
        b"BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\xff\xff\0\0\xff\xff\0\0\x01\0\x18\0".to_vec();
    bmp.resize(200, 0);
    let mut tiff = b"II*\0\x08\0\0\0\x09\0".to_vec();
    let fields: [(u16, u32); 9] = [
        (256, 65_535),
        (257, 65_535),
        (258, 8),
        (259, 1),
        (262, 1),
        (273, 8),
        (277, 1),
        (278, 65_535),
        (279, 9),
    ];
    for (tag, value) in fields {
        let kind = if matches!(tag, 256 | 257 | 273 | 278 | 279) { 4_u16 } else { 3 };
        tiff.extend([tag.to_le_bytes(), kind.to_le_bytes()].as_flattened());
        tiff.extend([1_u32.to_le_bytes(), value.to_le_bytes()].as_flattened());
    }
    tiff.extend([0; 4]);
    let webp =
        b"RIFF\x20\0\0\0WEBPVP8L\x14\0\0\0\x2f\xff\xff\xff\x0f\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
            .to_vec();
    let mut dicom = vec![0; 128];
    dicom.extend(b"DICM\x02\0\x10\0UI\x14\x001.2.840.10008.1.2.1\0");
    for (element, value) in [(2_u16, 1_u16), (0x10, 0xffff), (0x11, 0xffff), (0x100, 8)] {
        dicom.extend([0x28, element].map(u16::to_le_bytes).as_flattened());
        dicom.extend(b"US\x02\0");
        dicom.extend(value.to_le_bytes());
        if element == 2 {
            dicom.extend(b"\x28\0\x04\0CS\x0c\0MONOCHROME2 ");
        }
    }
    dicom.extend(b"\xe0\x7f\x10\0OB\0\0\xfe\xff\xff\xff");
    vec![
        ("header.png", png(65_535, 1)),
        ("packed.png", png(12_000, 12_000)),
        ("short.png", png(12_000, 10)),
        ("huge.jpg", frame.clone()),
        ("progressive.jpg", progressive.collect()),
        ("huge.bmp", bmp),
        ("huge.tif", tiff),
        ("huge.webp", webp),
        ("huge.dcm", dicom),
        ("text.jpg", b"<html>404</html>".to_vec()),
        ("empty.png", Vec::new()),
        ("cut.png", grid::png(&Rgb::black(40, 40))[..60].to_vec()),
    ]
}

fn sound() -> Vec<u8> {
    grid::png(&Rgb::new(9, 9, (0..9 * 9 * 3).map(|level| level as u8).collect()))
}

#[test]
fn no_image_fills_the_memory_and_each_that_is_left_out_is_named() {
    let sandbox = Sandbox::new();
    sandbox.write("study.yaml", LOAD);
    sandbox.write("eyes/ill/sound.png", sound());
    let run = &["run", "study.yaml", "-q"];
    let before = peak(&mut sandbox.command(run));
    for (name, bytes) in bombs() {
        sandbox.write(&format!("eyes/ill/{name}"), bytes);
    }
    let after = peak(&mut sandbox.command(run));
    println!("{before} KiB for a sound image, {after} KiB with bombs beside it");
    assert!(after < before + MOST, "{before} KiB without, {after} KiB with bombs");
    // Without permission, the first of them are named, each with what is wrong.
    sandbox.write("study.yaml", LOAD.replace(", skip: 100", ""));
    let output = sandbox.run(run).ends_with(1);
    let said = sandbox.redact(&output.stderr).replace("; `", ";\n    `");
    insta::assert_snapshot!(said, @"
    ERROR retina: 12 of 13 images cannot be read: `./eyes/ill/cut.png`: unexpected end of file;
        `./eyes/ill/empty.png`: the file is empty;
        `./eyes/ill/header.png`: an image of 65535 x 65535 pixels; 20000 a side at most expected;
        `./eyes/ill/huge.bmp`: an image of 65535 x 65535 pixels; 20000 a side at most expected;
        `./eyes/ill/huge.dcm`: a value of 4294967294 bytes is cut off after 0; and 7 more
        help: replace these files, leave them out, or let `skip: N` pass over as many
    error: 1 of 1 tasks failed, 0 skipped
    ");
}

#[test]
fn every_bomb_is_told_what_is_wrong_with_it() {
    let mut said = String::new();
    for (name, bytes) in bombs() {
        let problem = ablate::imaging::decode::decode(&bytes).expect_err(name);
        writeln!(said, "{name}: {problem}").expect("memory");
    }
    insta::assert_snapshot!(said, @"
    header.png: an image of 65535 x 65535 pixels; 20000 a side at most expected
    packed.png: an image of 12000 x 12000 pixels in too short a file; at most 200 bytes of pixels for one of the file, or 64 MiB, expected
    short.png: an image of 12000 x 12000 pixels in too short a file; at most 200 bytes of pixels for one of the file, or 64 MiB, expected
    huge.jpg: an image of 65535 x 65535 pixels; 20000 a side at most expected
    progressive.jpg: an image of 65535 x 65535 pixels; 20000 a side at most expected
    huge.bmp: an image of 65535 x 65535 pixels; 20000 a side at most expected
    huge.tif: an image of 65535 x 65535 pixels; 20000 a side at most expected
    huge.webp: format error decoding WebP: Inconsistent image sizes
    huge.dcm: a value of 4294967294 bytes is cut off after 0
    text.jpg: the content is no PNG, JPEG, BMP, TIFF, WebP or DICOM image
    empty.png: the file is empty
    cut.png: unexpected end of file
    ");
}

#[test]
fn an_archive_of_bombs_fills_no_memory_either() {
    let sandbox = Sandbox::new();
    sandbox.write("study.yaml", LOAD.replace("folder: eyes", "folder: eyes.zip"));
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let mut add = |name: &str, bytes: &[u8]| {
        writer.start_file(name, SimpleFileOptions::default()).expect("memory");
        writer.write_all(bytes).expect("memory");
    };
    add("ill/sound.png", &sound());
    for (name, bytes) in bombs() {
        add(&format!("ill/{name}"), &bytes);
    }
    // Zeros pack to a thousandth: more than any file of an image may have.
    add("ill/zeros.png", &vec![0; 600 << 20]);
    sandbox.write("eyes.zip", writer.finish().expect("memory").into_inner());
    let after = peak(&mut sandbox.command(&["run", "study.yaml", "-q"]));
    assert!(after < MOST, "{after} KiB");
    let shown = sandbox.run(&["show", "study.yaml", "retina"]).ends_with(0);
    assert!(shown.stdout.contains("images: 1\n"), "{}", shown.stdout);
}

#[test]
fn very_many_files_take_a_kibibyte_each_and_are_told_in_one_error() {
    let sandbox = Sandbox::new();
    let study = LOAD.replace("folder: eyes", "folder: eyes.zip");
    sandbox.write("study.yaml", study.replace("skip: 100", "skip: 200000"));
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for number in 0..MANY {
        writer
            .start_file(format!("ill/{number:06}.png"), SimpleFileOptions::default())
            .expect("memory");
    }
    writer.start_file("ill/sound.png", SimpleFileOptions::default()).expect("memory");
    writer.write_all(&sound()).expect("memory");
    sandbox.write("eyes.zip", writer.finish().expect("memory").into_inner());
    let run = &["run", "study.yaml", "-q"];
    let after = peak(&mut sandbox.command(run));
    assert!(after < MOST + MANY, "{after} KiB");
    sandbox.write("study.yaml", study);
    let output = sandbox.run(run).ends_with(1);
    insta::assert_snapshot!(sandbox.redact(&output.stderr), @"
    ERROR retina: 200000 of 200001 images cannot be read: `./eyes.zip/ill/000000.png`: the file is empty; `./eyes.zip/ill/000001.png`: the file is empty; `./eyes.zip/ill/000002.png`: the file is empty; `./eyes.zip/ill/000003.png`: the file is empty; `./eyes.zip/ill/000004.png`: the file is empty; and 199995 more
        help: replace these files, leave them out, or let `skip: N` pass over as many
    error: 1 of 1 tasks failed, 0 skipped
    ");
}

#[test]
fn a_link_out_of_the_folder_is_named_and_followed_on_request_only() {
    let sandbox = Sandbox::new();
    sandbox.write("study.yaml", LOAD.replace(", skip: 100", ""));
    sandbox.write("eyes/ill/sound.png", sound());
    let far = sandbox.write("elsewhere/far.png", sound());
    symlink(far, sandbox.path("eyes/ill/link.png")).expect("a link");
    let output = sandbox.run(&["run", "study.yaml", "-q"]).ends_with(1);
    insta::assert_snapshot!(sandbox.redact(&output.stderr), @"
    ERROR retina: 1 of 2 images cannot be read: `./eyes/ill/link.png`: it is a link that leads out of the folder
        help: copy these files into the folder, or follow such links with `follow_links: true`
    error: 1 of 1 tasks failed, 0 skipped
    ");
    sandbox.write("study.yaml", LOAD.replace("skip: 100", "follow_links: true"));
    sandbox.run(&["run", "study.yaml", "-q"]).ends_with(0);
    symlink("..", sandbox.path("eyes/ill/up")).expect("a link");
    let output = sandbox.run(&["run", "study.yaml", "-q"]);
    assert_ne!(output.code, 0);
    insta::assert_snapshot!(sandbox.redact(&output.stderr), @"
      × cannot follow `./eyes/ill/up`: it is a link to a folder that it lies in
       ╭─[study.yaml:4:41]
     3 │ stages:
     4 │   retina: {kind: load, params: {folder: eyes, size: 8, follow_links: true}}
       ·                                         ────
       ╰────
    error: 1 problem in `study.yaml`
    ");
}
