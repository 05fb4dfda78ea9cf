//! The sample pictures: part of the program, copied to a folder on the first start.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use crate::error::Error;

/// The bucket of a host without a configuration, as the documentation's examples call theirs.
pub(crate) const SAMPLE_BUCKET: &str = "examples-1250000000";
/// A host name of it. Nothing is sent there: an image URL is a name, which the service looks up in its own table.
pub(crate) const SAMPLE_HOST: &str = "examples-1250000000.cos.ap-shanghai.myqcloud.com";

macro_rules! samples {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_bytes!(concat!("../samples/", $name)).as_slice())),*]
    };
}

/// Names and bytes; origin and license are in `samples/README.md`, which goes with them.
const SAMPLES: &[(&str, &[u8])] = samples![
    "README.md",
    "photo.jpg",
    "sample.png",
    "image-1.jpg",
    "image-2.jpg",
    "image-3.jpg",
    "image-4.jpg",
    "image-5.jpg",
    "image-6.jpg",
];

/// Copies the samples that are not in `folder` yet; what is there stays as it is.
pub(crate) fn copy(folder: &Path) -> Result<(), Error> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::Write { path, source }
    };
    fs::create_dir_all(folder).map_err(failed(folder))?;
    for (name, bytes) in SAMPLES {
        let path = folder.join(name);
        match fs::File::create_new(&path) {
            Ok(mut file) => std::io::Write::write_all(&mut file, bytes).map_err(failed(&path))?,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed(&path)(error)),
        }
    }
    Ok(())
}
