//! What a kind's JSON schema says of its params, made ready for reading.

use serde::Serialize;
use serde_json::Value;

/// A param of a kind, or a field of one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Param {
    /// Its name.
    pub name: String,
    /// What it takes: `a whole number of 1 to 4096`.
    pub takes: String,
    /// Whether it must be given.
    pub required: bool,
    /// What stands for it where it is not given; absent where nothing does.
    pub default: Option<Value>,
    /// What it means.
    pub about: String,
    /// The fields of its map, or of the maps in its list.
    pub fields: Vec<Param>,
}

/// Returns the params that a schema describes; `defaults` are those of the kind as a whole.
pub(super) fn params(schema: &Value, defaults: Option<&Value>) -> Vec<Param> {
    fields(schema, schema, defaults, &[])
}

/// `above` are the schemas on the way here: one that holds itself is not listed within itself.
fn fields(root: &Value, schema: &Value, defaults: Option<&Value>, above: &[&Value]) -> Vec<Param> {
    let above = [above, &[schema]].concat();
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        return Vec::new();
    };
    let required: Vec<&str> = items(schema, "required").iter().filter_map(Value::as_str).collect();
    properties
        .iter()
        .map(|(name, property)| {
            let inner = innermost(root, property);
            let given = defaults.and_then(|defaults| defaults.get(name));
            let default = given.or_else(|| property.get("default")).filter(|one| !one.is_null());
            let about = [property, inner].into_iter().find_map(|one| one["description"].as_str());
            // The defaults of a list are entries, not what an entry lacks.
            let below = default.filter(|default| default.is_object());
            let known = above.iter().any(|one| std::ptr::eq(*one, inner));
            let nested = !known && inner.get("properties").is_some();
            Param {
                name: name.clone(),
                takes: takes(root, property),
                required: required.contains(&name.as_str()),
                default: default.cloned(),
                about: about.unwrap_or_default().replace('\n', " "),
                fields: if nested { fields(root, inner, below, &above) } else { Vec::new() },
            }
        })
        .collect()
}

/// Follows references, options and lists to the schema whose fields are worth listing.
fn innermost<'s>(root: &'s Value, schema: &'s Value) -> &'s Value {
    let schema = resolved(root, schema);
    let options = some_of(schema);
    match (options.as_slice(), schema.get("items")) {
        ([only], _) => innermost(root, only),
        (_, Some(items)) => innermost(root, items),
        _ => schema,
    }
}

fn resolved<'s>(root: &'s Value, schema: &'s Value) -> &'s Value {
    let reference = schema.get("$ref").and_then(Value::as_str);
    let found = reference.and_then(|name| root.pointer(name.trim_start_matches('#')));
    found.map_or(schema, |found| resolved(root, found))
}

/// Returns the alternatives of a schema, that of being absent left out.
fn some_of(schema: &Value) -> Vec<&Value> {
    let options = items(schema, "anyOf").iter().chain(items(schema, "oneOf"));
    options.filter(|option| option["type"] != "null").collect()
}

/// Returns in words what a schema takes.
fn takes(root: &Value, schema: &Value) -> String {
    let schema = resolved(root, schema);
    let names: Vec<&Value> = match items(schema, "enum") {
        [] => some_of(schema).into_iter().filter_map(|option| option.get("const")).collect(),
        names => names.iter().filter(|name| !name.is_null()).collect(),
    };
    if let Some((last, others)) = names.split_last() {
        let others: Vec<String> = others.iter().map(|name| code(name)).collect();
        let first = others.join(", ");
        return if first.is_empty() { code(last) } else { format!("{first} or {}", code(last)) };
    }
    let options = some_of(schema);
    if !options.is_empty() {
        let mut words: Vec<String> = options.iter().map(|option| takes(root, option)).collect();
        words.dedup();
        return words.join(", or ");
    }
    let types = match &schema["type"] {
        Value::String(name) => vec![name.as_str()],
        other => other.as_array().into_iter().flatten().filter_map(Value::as_str).collect(),
    };
    let words = types.into_iter().filter(|name| *name != "null").map(|name| match name {
        "boolean" => "`true` or `false`".to_owned(),
        "string" => "a text".to_owned(),
        "number" => format!("a number{}", range(schema)),
        "integer" => format!("a whole number{}", range(schema)),
        "array" => list(root, schema),
        "object" => map(root, schema),
        other => other.to_owned(),
    });
    let words: Vec<String> = words.collect();
    if words.is_empty() { "any value".to_owned() } else { words.join(" or ") }
}

fn map(root: &Value, schema: &Value) -> String {
    match schema.get("additionalProperties").filter(|rest| rest.is_object()) {
        Some(rest) => format!("a map of names to {}", takes(root, rest)),
        None => "a map".to_owned(),
    }
}

fn list(root: &Value, schema: &Value) -> String {
    let of = schema.get("items").map(|items| format!(", each {}", takes(root, items)));
    let bound = |name: &str| schema.get(name).and_then(Value::as_u64);
    let many = match (bound("minItems"), bound("maxItems")) {
        (Some(low), Some(high)) if low == high => format!(" of {low}"),
        (Some(low), Some(high)) => format!(" of {low} to {high}"),
        (Some(low), None) => format!(" of at least {low}"),
        (None, Some(high)) => format!(" of at most {high}"),
        (None, None) => String::new(),
    };
    format!("a list{many}{}", of.unwrap_or_default())
}

/// Returns the bounds of a number: ` of 1 to 10`, ` above 0`; those of the machine's numbers say
/// nothing and are left out.
fn range(schema: &Value) -> String {
    let bound = |name: &str| schema.get(name).and_then(Value::as_f64);
    // The machine's whole numbers start at 0 by themselves.
    let is_own =
        |low: &f64| *low != 0.0 || schema.get("format").is_none() || bound("maximum").is_some();
    let low = bound("minimum").filter(is_own);
    let above = bound("exclusiveMinimum");
    let (high, below) = (bound("maximum"), bound("exclusiveMaximum"));
    match (low, above, high, below) {
        (Some(low), _, Some(high), _) => format!(" of {low} to {high}"),
        (Some(low), _, _, Some(below)) => format!(" of at least {low} and below {below}"),
        (Some(low), _, _, _) => format!(" of at least {low}"),
        (_, Some(above), Some(high), _) => format!(" above {above} and at most {high}"),
        (_, Some(above), _, Some(below)) => format!(" above {above} and below {below}"),
        (_, Some(above), _, _) => format!(" above {above}"),
        (_, _, Some(high), _) => format!(" of at most {high}"),
        (_, _, _, Some(below)) => format!(" below {below}"),
        _ => String::new(),
    }
}

fn items<'s>(schema: &'s Value, name: &str) -> &'s [Value] {
    schema.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Returns a value as manifests write it, between backticks.
pub(super) fn code(value: &Value) -> String {
    match value {
        Value::String(text) => format!("`{text}`"),
        other => format!("`{other}`"),
    }
}
