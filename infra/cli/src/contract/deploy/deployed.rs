//! The template as it is deployed, with the place of the contracts in it.
//!
//! Only the contracts are replaced, as text, so that everything else stays as whoever deployed it wrote it.

use event::hex_sha256;

use crate::contract::yaml::{self, Entry, Node};
use crate::failure::Failure;

/// The logical id of the layer with the contracts.
const LAYER: &str = "ContractsLayer";
const LAYER_TYPE: &str = "AWS::Serverless::LayerVersion";
const FUNCTION_TYPE: &str = "AWS::Serverless::Function";
const ALIAS: &str = "AutoPublishAlias";
const CODE_HASH: &str = "AutoPublishCodeSha256";

/// An object of S3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ObjectPlace {
    pub(super) bucket: String,
    pub(super) key: String,
}

impl ObjectPlace {
    /// Such as `s3://bucket/key`.
    pub(super) fn uri(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.key)
    }

    fn of_uri(uri: &str) -> Option<Self> {
        let (bucket, key) = uri.strip_prefix("s3://")?.split_once('/')?;
        Some(Self { bucket: bucket.to_owned(), key: key.to_owned() })
    }
}

/// A deployed template.
pub(super) struct DeployedTemplate {
    text: String,
    root: Node,
    /// Where the contracts are.
    pub(super) contracts: ObjectPlace,
}

/// A part of the text, and what takes its place.
struct Replacement {
    start: usize,
    end: usize,
    text: String,
}

impl DeployedTemplate {
    /// Reads a template, which is YAML or JSON.
    ///
    /// # Errors
    /// If it cannot be read, or does not say where the contracts are.
    pub(super) fn read(text: String) -> Result<Self, Failure> {
        let root = yaml::parse(&text)
            .map_err(|error| Failure::new("the deployed template cannot be read").because(error))?;
        let contracts = contracts_of(&root)?;
        Ok(Self { text, root, contracts })
    }

    /// The template with the contracts at another place. `hash` is that of their archive.
    ///
    /// SAM makes a new version of a layer whose content changes. It publishes a new version of a function with an alias
    /// only if the place of its code changes, or what `AutoPublishCodeSha256` says in its stead. So that is set, and
    /// the alias moves to the new contracts as it does to new code.
    /// <https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-function.html#sam-function-autopublishcodesha256>
    pub(super) fn with_contracts(&self, place: &ObjectPlace, hash: &str) -> String {
        let mut replacements = self.content_replaced(place);
        for function in self.aliased_functions() {
            let Some(properties) = function.value.at(&["Properties"]) else { continue };
            let code =
                properties.at(&["CodeUri"]).map_or("", |code| &self.text[code.start..code.end]);
            let published = hex_sha256(format!("{code} {hash}").as_bytes());
            replacements.extend(self.hash_set(properties, &published));
        }
        self.replaced(replacements)
    }

    /// The template with the contracts in a folder, as it is before it is deployed.
    pub(super) fn with_folder(&self, folder: &str) -> String {
        let content = self.root.at(&["Resources", LAYER, "Properties", "ContentUri"]);
        let replacements = content.map(|content| self.value_replaced(content, folder));
        self.replaced(replacements.into_iter().collect())
    }

    fn content_replaced(&self, place: &ObjectPlace) -> Vec<Replacement> {
        let Some(content) = self.root.at(&["Resources", LAYER, "Properties", "ContentUri"]) else {
            return Vec::new();
        };
        if content.text().is_some() {
            return vec![self.value_replaced(content, &place.uri())];
        }
        let mut replacements = Vec::new();
        for (name, value) in [("Bucket", &place.bucket), ("Key", &place.key)] {
            replacements.extend(content.at(&[name]).map(|node| self.value_replaced(node, value)));
        }
        replacements
    }

    /// The functions with an alias that have the contracts.
    fn aliased_functions(&self) -> Vec<&Entry> {
        let globals = self.root.at(&["Globals", "Function"]);
        let resources = self.root.at(&["Resources"]).map(Node::entries).unwrap_or_default();
        let mut aliased = Vec::new();
        for resource in resources {
            let properties = resource.value.at(&["Properties"]);
            let places = [globals, properties];
            let mut all = places.into_iter().flatten();
            let is_function = type_of(&resource.value) == Some(FUNCTION_TYPE);
            let has_alias = all.clone().any(|place| place.entry(ALIAS).is_some());
            if is_function && has_alias && all.any(has_contracts) {
                aliased.push(resource);
            }
        }
        aliased
    }

    /// The hash in the properties of a function.
    fn hash_set(&self, properties: &Node, hash: &str) -> Option<Replacement> {
        if let Some(there) = properties.at(&[CODE_HASH]) {
            return Some(self.value_replaced(there, hash));
        }
        let first = properties.entries().first()?;
        let text = if self.text[properties.start..].starts_with('{') {
            format!("\"{CODE_HASH}\": \"{hash}\", ")
        } else {
            let line = self.text[..first.start].rfind('\n').map_or(0, |end| end + 1);
            let indentation = &self.text[line..first.start];
            format!("{CODE_HASH}: '{hash}'\n{indentation}")
        };
        Some(Replacement { start: first.start, end: first.start, text })
    }

    /// A value in quotes, whose place takes them in YAML and in JSON.
    fn value_replaced(&self, node: &Node, value: &str) -> Replacement {
        debug_assert!(!value.contains(['"', '\\']), "no name of S3 that is used here has one");
        Replacement { start: node.start, end: node.end, text: format!("\"{value}\"") }
    }

    fn replaced(&self, mut replacements: Vec<Replacement>) -> String {
        replacements.sort_by_key(|replacement| std::cmp::Reverse(replacement.start));
        let mut text = self.text.clone();
        for Replacement { start, end, text: with } in replacements {
            text.replace_range(start..end, &with);
        }
        text
    }
}

fn contracts_of(root: &Node) -> Result<ObjectPlace, Failure> {
    let Some(layer) = root.at(&["Resources", LAYER]) else {
        return Err(not_understood(&format!("it has no {LAYER}")));
    };
    if type_of(layer) != Some(LAYER_TYPE) {
        return Err(not_understood(&format!("{LAYER} is no {LAYER_TYPE}")));
    }
    let Some(content) = layer.at(&["Properties", "ContentUri"]) else {
        return Err(not_understood(&format!("{LAYER} has no ContentUri")));
    };
    let place = match content.text() {
        Some(uri) => ObjectPlace::of_uri(uri),
        None => {
            let text = |name: &str| content.at(&[name]).and_then(Node::text).map(str::to_owned);
            let has_version = content.at(&["Version"]).is_some();
            let place = text("Bucket").zip(text("Key")).filter(|_| !has_version);
            place.map(|(bucket, key)| ObjectPlace { bucket, key })
        }
    };
    place.ok_or_else(|| {
        not_understood(&format!(
            "the ContentUri of {LAYER} is neither s3://BUCKET/KEY nor a Bucket and a Key"
        ))
    })
}

fn not_understood(what: &str) -> Failure {
    Failure::new(format!("the deployed template is not understood: {what}"))
        .next("deploy template.yaml with SAM once, as docs/deploying.md says")
}

fn type_of(resource: &Node) -> Option<&str> {
    resource.at(&["Type"]).and_then(Node::text)
}

/// Whether these properties of a function name the layer: `!Ref ContractsLayer`, or `Ref: ContractsLayer`.
fn has_contracts(properties: &Node) -> bool {
    let Some(layers) = properties.at(&["Layers"]) else { return false };
    layers.items().iter().any(|layer| {
        let named = layer.tagged("!Ref").or_else(|| layer.at(&["Ref"]).and_then(Node::text));
        named == Some(LAYER)
    })
}

#[cfg(test)]
mod tests;
