//! Weights as a `.safetensors` file with the names of PyTorch's `state_dict`, sorted.
//!
//! The same tensors always give the same bytes. Knows nothing of networks.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use safetensors::Dtype;
use safetensors::SafeTensors;
use safetensors::View;
use tch::Kind;
use tch::Tensor;

use crate::files;
use crate::ml::parameters::Parameters;
use crate::stage::StageError;

/// One tensor's bytes, channels first, little-endian.
struct Plain {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl View for &Plain {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }

    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

/// Returns named tensors as a `.safetensors` file.
pub(in crate::ml) fn to_bytes(tensors: &BTreeMap<String, Tensor>) -> Result<Vec<u8>, StageError> {
    let plain: BTreeMap<&str, Plain> = tensors
        .iter()
        .map(|(name, tensor)| Ok((name.as_str(), plain(tensor)?)))
        .collect::<Result<_, StageError>>()?;
    safetensors::serialize(&plain, None)
        .map_err(|error| StageError::Torch(format!("weights cannot be written: {error}")))
}

/// Parses a `.safetensors` file; 16-bit and 64-bit floats become 32-bit ones. `name` is the file.
pub(in crate::ml) fn parse(
    name: &str,
    bytes: &[u8],
) -> Result<BTreeMap<String, Tensor>, StageError> {
    let malformed = |problem: String| StageError::data(format!("`{name}` is malformed: {problem}"));
    let file = SafeTensors::deserialize(bytes).map_err(|error| malformed(error.to_string()))?;
    let mut tensors = BTreeMap::new();
    for (tensor_name, view) in file.iter() {
        let kind = match view.dtype() {
            Dtype::F32 => Kind::Float,
            Dtype::F16 => Kind::Half,
            Dtype::BF16 => Kind::BFloat16,
            Dtype::F64 => Kind::Double,
            Dtype::I64 => Kind::Int64,
            Dtype::U8 => Kind::Uint8,
            other => {
                return Err(malformed(format!("tensor `{tensor_name}` has the type {other:?}")));
            }
        };
        let shape: Option<Vec<i64>> =
            view.shape().iter().map(|&side| i64::try_from(side).ok()).collect();
        // A side of 0 would hide from the file's own check how large the others claim to be.
        let fits = |shape: &Vec<i64>| {
            shape.iter().try_fold(1_i64, |count, side| count.checked_mul((*side).max(1))).is_some()
        };
        let shape = shape.filter(fits).ok_or_else(|| {
            malformed(format!("tensor `{tensor_name}` claims the shape {:?}", view.shape()))
        })?;
        let tensor = Tensor::f_from_data_size(view.data(), &shape, kind)?;
        let whole = matches!(kind, Kind::Int64 | Kind::Uint8);
        let wanted = if whole { kind } else { Kind::Float };
        tensors.insert(tensor_name.to_owned(), tensor.f_to_kind(wanted)?);
    }
    Ok(tensors)
}

/// Puts every tensor of a file into a network; both must have the same names and shapes.
pub(in crate::ml) fn load(
    name: &str,
    tensors: &BTreeMap<String, Tensor>,
    parameters: &mut Parameters,
) -> Result<(), StageError> {
    let mut missing = parameters.shapes();
    for (tensor_name, tensor) in tensors {
        if !parameters.set(tensor_name, tensor)? {
            return Err(mismatch(name, tensor_name, tensor, &parameters.shapes()));
        }
        missing.remove(tensor_name);
    }
    match missing.first_key_value() {
        Some((absent, _)) => Err(StageError::data(format!("`{name}` has no tensor `{absent}`"))),
        None => Ok(()),
    }
}

/// Puts a user's starting weights into a network: all but the last layer must be there and fit;
/// the last is left as it is where the number of classes differs.
pub(in crate::ml) fn load_start(
    path: &Path,
    parameters: &mut Parameters,
    last_layer: &str,
) -> Result<(), StageError> {
    let name = path.display().to_string();
    let tensors = parse(&name, &files::map(path)?)?;
    let shapes = parameters.shapes();
    for (name, tensor) in tensors.iter().filter(|(name, _)| !shapes.contains_key(*name)) {
        parameters.set(name, tensor)?; // counters; what else a file holds is no concern of ours
    }
    for (wanted, shape) in &shapes {
        let is_last = wanted.starts_with(last_layer);
        match tensors.get(wanted) {
            Some(tensor) if tensor.size() == *shape => {
                parameters.set(wanted, tensor)?;
            }
            _ if is_last => {}
            Some(tensor) => return Err(mismatch(&name, wanted, tensor, &shapes)),
            None => {
                return Err(StageError::data(format!("`{name}` has no tensor `{wanted}`"))
                    .help("give weights in torchvision's names, of this very network"));
            }
        }
    }
    Ok(())
}

fn mismatch(
    file: &str,
    name: &str,
    found: &Tensor,
    shapes: &BTreeMap<String, Vec<i64>>,
) -> StageError {
    let found = found.size();
    StageError::data(match shapes.get(name) {
        Some(expected) => {
            format!("`{file}`: tensor `{name}` has the shape {found:?}, {expected:?} expected")
        }
        None => format!("`{file}`: tensor `{name}` is none of this network's"),
    })
}

fn plain(tensor: &Tensor) -> Result<Plain, StageError> {
    let tensor = tensor.f_detach()?.f_to_device(tch::Device::Cpu)?.f_contiguous()?;
    let kind = tensor.f_kind()?;
    let dtype = match kind {
        Kind::Int64 => Dtype::I64,
        Kind::Uint8 => Dtype::U8,
        _ => Dtype::F32,
    };
    let mut bytes = vec![0; tensor.numel() * kind.elt_size_in_bytes()];
    tensor.f_copy_data_u8(&mut bytes, tensor.numel())?;
    let shape = tensor.size().iter().map(|&side| side as usize).collect();
    Ok(Plain { dtype, shape, bytes })
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_tensor_that_hides_its_size_behind_a_zero_is_refused() {
        let about =
            r#"{"x":{"dtype":"F32","shape":[0,4611686018427387904,4],"data_offsets":[0,0]}}"#;
        let mut bytes = (about.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(about.as_bytes());
        let error = super::parse("w", &bytes).unwrap_err().to_string();
        assert!(error.contains("tensor `x` claims the shape [0, "), "{error}");
    }
}
