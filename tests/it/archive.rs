//! Small `.npz` archives in MedMNIST's layout, right and wrong ones.

use std::io::Cursor;
use std::io::Write;

use ablate::imaging::npy;
use ablate::imaging::npy::ByteArray;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// The arrays of an archive, ready to be spoilt.
pub(crate) struct Archive {
    members: Vec<(&'static str, Vec<usize>, Vec<u8>)>,
}

impl Archive {
    /// Makes one of 8 x 8 images: `train`, `validation` and `test` images of five classes in turn.
    /// Brightness grows with the class.
    pub(crate) fn of(train: usize, validation: usize, test: usize) -> Self {
        let mut members = Vec::new();
        let parts = [("train", train), ("val", validation), ("test", test)];
        let names = [
            ("train_images", "train_labels"),
            ("val_images", "val_labels"),
            ("test_images", "test_labels"),
        ];
        for ((_, count), (images, labels)) in parts.into_iter().zip(names) {
            let pixel =
                |image: usize, place: usize| (image % 5 * 40 + (image * 7 + place) % 30) as u8;
            let size = 8 * 8 * 3;
            let pixels = (0..count * size).map(|at| pixel(at / size, at % size)).collect();
            members.push((images, vec![count, 8, 8, 3], pixels));
            members.push((
                labels,
                vec![count, 1],
                (0..count).map(|image| (image % 5) as u8).collect(),
            ));
        }
        Self { members }
    }

    /// Changes the shape and data of one array.
    pub(crate) fn with(
        mut self,
        name: &str,
        change: impl FnOnce(&mut Vec<usize>, &mut Vec<u8>),
    ) -> Self {
        let member = self.members.iter_mut().find(|(member, _, _)| *member == name);
        let (_, shape, data) = member.expect("one of the six arrays");
        change(shape, data);
        self
    }

    /// Leaves one array out.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.members.retain(|(member, _, _)| *member != name);
        self
    }

    /// Returns the file.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, shape, data) in &self.members {
            archive
                .start_file(format!("{name}.npy"), SimpleFileOptions::default())
                .expect("memory");
            archive
                .write_all(&npy::encode(&ByteArray { shape: shape.clone(), data }))
                .expect("memory");
        }
        archive.finish().expect("memory").into_inner()
    }
}
