//! Passes drawn anew each time an image is shown, in the place of copies that lie beside it.
//!
//! Over many epochs a network sees what it would see of copies, and ever new ones; an epoch stays as
//! long as the set.

use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::de::MapAccess;
use serde::de::Visitor;
use serde::de::value::MapAccessDeserializer;

use crate::augment::Pass;
use crate::augment::pass;
use crate::imaging::rgb::Rgb;
use crate::seed::Seed;
use crate::stage::ParamProblem;

/// What an image may look like each time it is shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Online {
    /// Passes, of which each showing of an image draws one that is for its class. The default has
    /// three: flipped vertically, a tenth flipped horizontally, colours faded by 10 to 30 %.
    #[serde(default = "pass::of_the_study")]
    #[schemars(length(min = 1, max = 64))]
    pub passes: Vec<Pass>,
    /// Whether the image as it is can be drawn too, as likely as each pass.
    #[serde(default = "yes")]
    pub keep_originals: bool,
}

fn yes() -> bool {
    true
}

impl Default for Online {
    fn default() -> Self {
        Self { passes: pass::of_the_study(), keep_originals: true }
    }
}

impl Online {
    /// Returns what is wrong with its numbers, each with the way to it from here.
    pub fn problems(&self) -> Vec<ParamProblem> {
        pass::problems("passes", &self.passes)
    }

    /// Changes an image of a class as the seed of this showing draws it.
    pub fn show(&self, image: &mut Rgb, label: Option<usize>, classes: &[String], seed: Seed) {
        let takes = |index: &usize| self.passes[*index].takes(label, classes);
        let fitting: Vec<usize> = (0..self.passes.len()).filter(takes).collect();
        let choices = fitting.len() + usize::from(self.keep_originals);
        if choices == 0 {
            return;
        }
        // Beyond the passes lies the image as it is.
        let drawn = seed.named("which").stream().below(choices);
        if let Some(index) = fitting.get(drawn) {
            self.passes[*index].apply(image, seed.named("pass").number(*index as u64));
        }
    }

    /// Reads `true`, which means all defaults, `false`, which means nothing, or what is told in full.
    pub fn switch<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Self>, D::Error> {
        from.deserialize_any(Switch)
    }
}

struct Switch;

impl<'de> Visitor<'de> for Switch {
    type Value = Option<Online>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true, false, or `passes` and `keep_originals`")
    }

    fn visit_bool<E>(self, is_on: bool) -> Result<Option<Online>, E> {
        Ok(is_on.then(Online::default))
    }

    fn visit_unit<E>(self) -> Result<Option<Online>, E> {
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Option<Online>, A::Error> {
        Online::deserialize(MapAccessDeserializer::new(map)).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Online;
    use super::Rgb;
    use super::Seed;

    fn read(value: serde_json::Value) -> Result<Option<Online>, String> {
        Online::switch(value).map_err(|error| error.to_string())
    }

    #[test]
    fn a_switch_is_read_as_it_is_meant() {
        assert_eq!(read(json!(true)), Ok(Some(Online::default())));
        assert_eq!(read(json!({})), Ok(Some(Online::default())));
        assert_eq!(read(json!(false)), Ok(None));
        assert_eq!(read(json!(null)), Ok(None));
        let error = read(json!(3)).unwrap_err();
        insta::assert_snapshot!(error, @"invalid type: integer `3`, expected true, false, or `passes` and `keep_originals`");
        let error = read(json!({"passs": []})).unwrap_err();
        insta::assert_snapshot!(error, @"unknown field `passs`, expected `passes` or `keep_originals`");
    }

    /// Shows an image of four levels many times; returns how often it came flipped, mirrored and as it is.
    fn showings(online: &Online, label: usize) -> [usize; 3] {
        let classes = ["well".to_owned(), "ill".to_owned()];
        let image = Rgb::from_grey(2, 2, &[0, 80, 160, 240]);
        let looks = [[160, 240, 0, 80], [80, 0, 240, 160], [0, 80, 160, 240]];
        let mut counts = [0; 3];
        for seed in 0..3000 {
            let mut shown = image.clone();
            online.show(&mut shown, Some(label), &classes, Seed(1).number(seed));
            let grey: Vec<u8> = shown.pixels.iter().step_by(3).copied().collect();
            counts[looks.iter().position(|look| *look == grey[..]).unwrap()] += 1;
        }
        counts
    }

    #[test]
    fn passes_of_the_class_and_the_image_itself_are_equally_likely() {
        let mut online = read(json!({"passes": [
            {"vertical_flip": 1}, {"horizontal_flip": 1, "classes": ["ill"]},
        ]}));
        let online = online.as_mut().unwrap().as_mut().unwrap();
        let about = |counts: [usize; 3], shares: [f64; 3]| {
            // Five deviations of a count of 3,000.
            let near = |(count, share): (usize, f64)| (count as f64 - 3000.0 * share).abs() < 140.0;
            assert!(counts.into_iter().zip(shares).all(near), "{counts:?} {shares:?}");
        };
        about(showings(online, 1), [1.0 / 3.0; 3]);
        about(showings(online, 0), [0.5, 0.0, 0.5]);
        online.keep_originals = false;
        assert_eq!(showings(online, 0), [3000, 0, 0]);
        online.passes.remove(0);
        assert_eq!(showings(online, 0), [0, 0, 3000], "nothing is for this class");
    }
}
