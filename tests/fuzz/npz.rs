//! Any bytes as a `.npz` archive, and as one member of a sound archive: arrays or reasons; never a
//! panic, nor more memory than the archive can hold.

#![no_main]

use std::io::Cursor;
use std::io::Write;

use ablate::imaging::npz::Npz;
use libfuzzer_sys::fuzz_target;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

fn read(archive: &[u8]) {
    let Ok(mut npz) = Npz::open(Cursor::new(archive)) else { return };
    for name in npz.names() {
        let header = npz.header(&name);
        if let Ok(mut array) = npz.bytes(&name) {
            assert_eq!(header.map(|header| header.shape).as_deref(), Ok(array.shape()));
            let (expected, mut read) = (array.shape().iter().product::<usize>(), 0);
            while let Ok(Some(piece)) = array.next(1 << 16) {
                read += piece.len();
            }
            assert!(read <= expected);
        }
        if let Ok(array) = npz.integers(&name) {
            assert_eq!(array.data.len(), array.shape.iter().product::<usize>());
        }
    }
    assert!(npz.bytes("none at all").is_err());
}

fuzz_target!(|bytes: &[u8]| {
    read(bytes);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("a.npy", SimpleFileOptions::default()).expect("memory");
    zip.write_all(bytes).expect("memory");
    read(&zip.finish().expect("memory").into_inner());
});
