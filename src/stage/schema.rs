//! Checks a value against a JSON schema as schemars writes it, and says every problem in words.
//!
//! Covers what the schemas of params use: types, ranges, lengths, enums, alternatives, references,
//! unknown and missing names.

use serde_json::Value;

use crate::stage::ParamProblem;

/// Most names that are listed where an unknown one is found.
const FEW: usize = 12;

/// Returns every way in which a value breaks a schema.
pub(crate) fn problems(schema: &Value, value: &Value) -> Vec<ParamProblem> {
    let empty = Value::Object(serde_json::Map::new());
    let value = if value.is_null() { &empty } else { value };
    let mut check = Check { root: schema, path: Vec::new(), found: Vec::new() };
    check.value(schema, value);
    check.found
}

struct Check<'a> {
    root: &'a Value,
    path: Vec<String>,
    found: Vec<ParamProblem>,
}

impl<'a> Check<'a> {
    fn value(&mut self, schema: &'a Value, value: &Value) {
        let schema = self.resolve(schema);
        for key in ["anyOf", "oneOf"] {
            if let Some(options) = schema.get(key).and_then(Value::as_array) {
                self.alternatives(options, value);
            }
        }
        if let Some(parts) = schema.get("allOf").and_then(Value::as_array) {
            for part in parts {
                self.value(part, value);
            }
        }
        let choices = match (schema.get("enum"), schema.get("const")) {
            (Some(Value::Array(choices)), _) => choices.as_slice(),
            (_, Some(only)) => std::slice::from_ref(only),
            _ => &[],
        };
        if !choices.is_empty() && !choices.contains(value) {
            return self.wrong_choice(choices, value);
        }
        if !has_type(schema, value) {
            let expected = describe(schema);
            let help = match value {
                Value::String(text) if text.parse::<f64>().is_ok() => {
                    Some("a number has no quotes")
                }
                Value::Number(_) if has_type(schema, &Value::from("")) => Some("put it in quotes"),
                _ => None,
            };
            // A number in quotes looks like one where it is quoted again.
            let is_number = value.as_str().is_some_and(|text| text.parse::<f64>().is_ok());
            let what = if is_number { "the text " } else { "" };
            let found = format!("found {what}{}, expected {expected}", show(value));
            return self.report(found, help.map(str::to_owned));
        }
        match value {
            Value::Object(map) => self.object(schema, map),
            Value::Array(items) => self.list(schema, items),
            Value::Number(number) => self.range(schema, number.as_f64().unwrap_or(f64::NAN)),
            _ => {}
        }
    }

    fn object(&mut self, schema: &'a Value, map: &serde_json::Map<String, Value>) {
        let known = schema.get("properties").and_then(Value::as_object);
        let closed = schema.get("additionalProperties") == Some(&Value::Bool(false));
        for (name, value) in map {
            self.path.push(name.clone());
            match known.and_then(|known| known.get(name)) {
                Some(schema) => self.value(schema, value),
                None if closed => {
                    let names: Vec<&str> = known
                        .into_iter()
                        .flat_map(|known| known.keys().map(String::as_str))
                        .collect();
                    let near = nearest(name, &names);
                    let help = near.map(|near| format!("did you mean `{near}`?"));
                    let known = match names.as_slice() {
                        [] => "; there are none".to_owned(),
                        names if names.len() <= FEW => format!("; known are {}", list(names)),
                        _ => String::new(), // whoever shows it says where all of them stand
                    };
                    self.report(format!("unknown name `{name}`{known}"), help);
                }
                None => {
                    if let Some(rest @ Value::Object(_)) = schema.get("additionalProperties") {
                        self.value(rest, value);
                    }
                }
            }
            self.path.pop();
        }
        let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
        for name in required.filter_map(Value::as_str).filter(|name| !map.contains_key(*name)) {
            self.report(format!("`{name}` is missing"), None);
        }
    }

    fn list(&mut self, schema: &'a Value, items: &[Value]) {
        let bound = |name| schema.get(name).and_then(Value::as_u64).map(|bound| bound as usize);
        let count = items.len();
        match (bound("minItems"), bound("maxItems")) {
            (Some(low), Some(high)) if low == high && count != low => {
                self.report(format!("found {count} entries, expected {low}"), None);
            }
            (Some(low), _) if count < low => {
                self.report(format!("found {count} entries, expected at least {low}"), None);
            }
            (_, Some(high)) if count > high => {
                self.report(format!("found {count} entries, expected at most {high}"), None);
            }
            _ => {}
        }
        let places = schema.get("prefixItems").and_then(Value::as_array);
        for (index, item) in items.iter().enumerate() {
            let place = places.and_then(|places| places.get(index));
            if let Some(schema) = place.or_else(|| schema.get("items")) {
                self.path.push(index.to_string());
                self.value(schema, item);
                self.path.pop();
            }
        }
    }

    fn range(&mut self, schema: &Value, number: f64) {
        let bound = |name| schema.get(name).and_then(Value::as_f64);
        let below = bound("minimum").is_some_and(|low| number < low)
            || bound("exclusiveMinimum").is_some_and(|low| number <= low);
        let above = bound("maximum").is_some_and(|high| number > high)
            || bound("exclusiveMaximum").is_some_and(|high| number >= high);
        if below || above {
            self.report(format!("found {number}, expected {}", describe(schema)), None);
        }
    }

    fn alternatives(&mut self, options: &'a [Value], value: &Value) {
        let mut flat = Vec::new();
        self.flatten(options, &mut flat);
        let options = flat;
        let is_null = |option: &&Value| option.get("type") == Some(&Value::from("null"));
        let (null, others): (Vec<_>, Vec<_>) = options.iter().copied().partition(is_null);
        if let ([_], [only]) = (null.as_slice(), others.as_slice()) {
            if !value.is_null() {
                self.value(only, value);
            }
            return;
        }
        let mut best: Option<Vec<ParamProblem>> = None;
        for &option in &options {
            let mut check = Check { root: self.root, path: self.path.clone(), found: Vec::new() };
            check.value(option, value);
            if check.found.is_empty() {
                return;
            }
            // The alternative that gets furthest into the value is the one that was meant.
            let depth = |found: &[ParamProblem]| found.iter().map(|p| p.path.len()).max();
            if best.as_ref().is_none_or(|best| depth(&check.found) > depth(best)) {
                best = Some(check.found);
            }
        }
        let choices: Vec<Value> = options
            .iter()
            .filter_map(|option| self.resolve(option).get("const").cloned())
            .collect();
        let deeper = best.iter().flatten().any(|problem| problem.path.len() > self.path.len());
        if !deeper && !choices.is_empty() && value.is_string() {
            return self.wrong_choice(&choices, value);
        }
        if !deeper && !value.is_object() {
            let expected: Vec<String> = options
                .iter()
                .map(|option| describe(self.resolve(option)))
                .filter(|text| text != "nothing")
                .collect();
            let text = format!("found {}, expected {}", show(value), expected.join(" or "));
            return self.report(text, None);
        }
        self.found.extend(best.unwrap_or_default());
    }

    /// Lists alternatives, those of an alternative in its place.
    fn flatten(&self, options: &'a [Value], flat: &mut Vec<&'a Value>) {
        for option in options {
            let inner = self.resolve(option);
            let below = ["anyOf", "oneOf"].into_iter().find_map(|key| inner.get(key)?.as_array());
            match below {
                Some(below) => self.flatten(below, flat),
                None => flat.push(option),
            }
        }
    }

    fn wrong_choice(&mut self, choices: &[Value], value: &Value) {
        let names: Vec<&str> = choices.iter().filter_map(Value::as_str).collect();
        let help = value.as_str().and_then(|value| nearest(value, &names));
        let help = help.map(|near| format!("did you mean `{near}`?"));
        self.report(format!("found {}, expected one of {}", show(value), list(&names)), help);
    }

    fn report(&mut self, problem: String, help: Option<String>) {
        self.found.push(ParamProblem { path: self.path.clone(), problem, help });
    }

    fn resolve(&self, schema: &'a Value) -> &'a Value {
        let mut schema = schema;
        while let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            let pointer = reference.trim_start_matches('#');
            schema = self.root.pointer(pointer).expect("schemars refers only to what it defines");
        }
        schema
    }
}

fn has_type(schema: &Value, value: &Value) -> bool {
    let fits = |name: &str| match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => true,
    };
    match schema.get("type") {
        Some(Value::String(name)) => fits(name),
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).any(fits),
        _ => true,
    }
}

/// Returns what a schema expects, in a few words: `a whole number of at least 1`.
fn describe(schema: &Value) -> String {
    let names: Vec<&str> = match schema.get("type") {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ if schema.get("const").is_some() => return show(&schema["const"]),
        _ => return "another value".to_owned(),
    };
    let named = names.iter().filter(|name| **name != "null").map(|name| match *name {
        "boolean" => "`true` or `false`",
        "string" => "a text",
        "number" => "a number",
        "integer" => "a whole number",
        "array" => "a list",
        "object" => "a map",
        other => other,
    });
    let text = named.collect::<Vec<_>>().join(" or ");
    let bound = |name: &str| schema.get(name).and_then(Value::as_f64);
    let low = bound("minimum").map(|low| format!("at least {low}"));
    let low = low.or(bound("exclusiveMinimum").map(|low| format!("more than {low}")));
    let high = bound("maximum").map(|high| format!("at most {high}"));
    let high = high.or(bound("exclusiveMaximum").map(|high| format!("less than {high}")));
    let bounds: Vec<String> = low.into_iter().chain(high).collect();
    match (text.as_str(), bounds.as_slice()) {
        ("", _) => "nothing".to_owned(),
        (_, []) => text,
        _ => format!("{text} of {}", bounds.join(" and ")),
    }
}

fn show(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Array(items) => format!("a list of {}", items.len()),
        Value::Object(_) => "a map".to_owned(),
        Value::String(text) => format!("`{text}`"),
        other => format!("`{other}`"),
    }
}

/// Returns names one after the other.
pub(super) fn list(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let close = |candidate: &&str| strsim::jaro_winkler(name, candidate);
    let best = known.iter().copied().max_by(|a, b| close(a).total_cmp(&close(b)))?;
    (close(&best) > 0.75).then_some(best)
}

#[cfg(test)]
mod tests {
    use schemars::JsonSchema;
    use serde_json::json;

    #[derive(JsonSchema)]
    #[schemars(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its schema is looked at")]
    struct Params {
        #[schemars(range(min = 1, max = 9))]
        batch_size: usize,
        #[serde(default)]
        rate: Option<f64>,
        #[serde(default)]
        passes: Vec<Pass>,
        #[serde(default)]
        mode: Mode,
        #[serde(default)]
        span: Option<[f64; 2]>,
        #[serde(default)]
        fallback: Option<Mode>,
    }

    #[derive(JsonSchema)]
    #[schemars(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its schema is looked at")]
    struct Pass {
        #[serde(default)]
        flip: f64,
    }

    #[derive(JsonSchema, Default)]
    #[schemars(rename_all = "lowercase")]
    #[expect(dead_code, reason = "only its schema is looked at")]
    enum Mode {
        /// Slow.
        #[default]
        Careful,
        /// Fast.
        Quick,
    }

    fn problems(value: &serde_json::Value) -> Vec<String> {
        let schema = schemars::schema_for!(Params).to_value();
        let found = super::problems(&schema, value);
        found
            .into_iter()
            .map(|p| {
                let help = p.help.map(|help| format!(" ({help})")).unwrap_or_default();
                format!("{}: {}{help}", p.path.join("."), p.problem)
            })
            .collect()
    }

    #[test]
    fn right_params_have_no_problem() {
        let right = json!({"batch_size": 3, "rate": 0.5, "passes": [{"flip": 1}], "mode": "quick", "span": [0, 1]});
        assert_eq!(problems(&right), Vec::<String>::new());
    }

    #[test]
    fn every_problem_is_said_at_once() {
        let wrong = json!({"batchsize": 3, "rate": "fast", "passes": [{"flp": 1}, 7], "mode": "quik", "span": [1], "fallback": "qick"});
        insta::assert_snapshot!(problems(&wrong).join("\n"), @"
        batchsize: unknown name `batchsize`; known are `batch_size`, `fallback`, `mode`, `passes`, `rate`, `span` (did you mean `batch_size`?)
        fallback: found `qick`, expected one of `careful`, `quick` (did you mean `quick`?)
        mode: found `quik`, expected one of `careful`, `quick` (did you mean `quick`?)
        passes.0.flp: unknown name `flp`; known are `flip` (did you mean `flip`?)
        passes.1: found `7`, expected a map
        rate: found `fast`, expected a number
        span: found 1 entries, expected 2
        : `batch_size` is missing
        ");
    }

    #[test]
    fn a_number_out_of_range_is_said_with_its_range() {
        insta::assert_snapshot!(problems(&json!({"batch_size": 10})).join("\n"), @"batch_size: found 10, expected a whole number of at least 1 and at most 9");
        insta::assert_snapshot!(problems(&json!({"batch_size": 1.5})).join("\n"), @"batch_size: found `1.5`, expected a whole number of at least 1 and at most 9");
    }
}
