//! `AWS::DynamoDB::Table`, as the body of a `CreateTable` request.
//!
//! docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-dynamodb-table.html
//! and docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CreateTable.html. DynamoDB itself
//! checks whether keys, attributes and indexes fit together.

use serde_json::{Map, Value as Json, json};

use super::super::fields::{Fields, Harmless};
use super::super::model::Table;
use super::Context;

const HARMLESS: &[Harmless] = &[
    ("ContributorInsightsSpecification", "contributor insights"),
    ("DeletionProtectionEnabled", "deletion protection"),
    ("PointInTimeRecoverySpecification", "point-in-time recovery"),
    ("ResourcePolicy", "access control"),
    ("SSESpecification", "encryption"),
    ("TableClass", "a table's storage class"),
    ("Tags", "tagging"),
];
const KEY_TYPES: &[&str] = &["HASH", "RANGE"];
const ATTRIBUTE_TYPES: &[&str] = &["B", "N", "S"];
const PROJECTIONS: &[&str] = &["ALL", "INCLUDE", "KEYS_ONLY"];
const VIEWS: &[&str] = &["KEYS_ONLY", "NEW_AND_OLD_IMAGES", "NEW_IMAGE", "OLD_IMAGE"];

pub(super) fn read(context: &Context<'_>, mut fields: Fields<'_>) -> Table {
    let name = context.physical.name.clone();
    fields.ignore(&["TableName"]);
    fields.harmless(context.id(), HARMLESS);
    let mut body = Map::new();
    body.insert("TableName".to_owned(), json!(name));
    body.insert("KeySchema".to_owned(), key_schema(&mut fields));
    if let Some(definitions) = attribute_definitions(&mut fields) {
        body.insert("AttributeDefinitions".to_owned(), definitions);
    }
    // The default of DynamoDB is `PROVISIONED`, which requires a throughput.
    let mode = fields.one_of("BillingMode", &["PAY_PER_REQUEST", "PROVISIONED"]);
    let mode = mode.unwrap_or("PROVISIONED");
    body.insert("BillingMode".to_owned(), json!(mode));
    let throughput = throughput(&mut fields);
    match (mode, throughput) {
        ("PROVISIONED", None) => {
            let rule = "is required unless BillingMode is PAY_PER_REQUEST";
            fields.problem(fields.line(), "ProvisionedThroughput", rule);
        }
        ("PROVISIONED", Some(throughput)) => {
            body.insert("ProvisionedThroughput".to_owned(), throughput);
        }
        (_, Some(_)) => {
            let rule = "is not allowed with PAY_PER_REQUEST";
            fields.problem(fields.line(), "ProvisionedThroughput", rule);
        }
        (_, None) => {}
    }
    for key in ["GlobalSecondaryIndexes", "LocalSecondaryIndexes"] {
        let indexes = fields.list_of_fields(key).into_iter().map(index).collect::<Vec<_>>();
        if !indexes.is_empty() {
            body.insert(key.to_owned(), Json::Array(indexes));
        }
    }
    let mut stream_arn = None;
    if let Some(mut stream) = fields.fields("StreamSpecification") {
        stream_arn = Some(context.attribute("StreamArn"));
        stream.required("StreamViewType");
        let view = stream.one_of("StreamViewType", VIEWS);
        let specification = json!({ "StreamEnabled": true, "StreamViewType": view });
        body.insert("StreamSpecification".to_owned(), specification);
        stream.finish();
    }
    let ttl_attribute = fields.fields("TimeToLiveSpecification").and_then(ttl_attribute);
    fields.finish();
    Table {
        logical_id: context.id().to_owned(),
        name,
        create_table: Json::Object(body),
        ttl_attribute,
        stream_arn,
    }
}

fn key_schema(fields: &mut Fields<'_>) -> Json {
    fields.required("KeySchema");
    let mut schema = Vec::new();
    for mut key in fields.list_of_fields("KeySchema") {
        let name = key.required_text("AttributeName");
        key.required("KeyType");
        schema.push(json!({ "AttributeName": name, "KeyType": key.one_of("KeyType", KEY_TYPES) }));
        key.finish();
    }
    Json::Array(schema)
}

fn attribute_definitions(fields: &mut Fields<'_>) -> Option<Json> {
    fields.required("AttributeDefinitions")?;
    let mut definitions = Vec::new();
    for mut attribute in fields.list_of_fields("AttributeDefinitions") {
        let name = attribute.required_text("AttributeName");
        attribute.required("AttributeType");
        let kind = attribute.one_of("AttributeType", ATTRIBUTE_TYPES);
        definitions.push(json!({ "AttributeName": name, "AttributeType": kind }));
        attribute.finish();
    }
    Some(Json::Array(definitions))
}

fn throughput(fields: &mut Fields<'_>) -> Option<Json> {
    let mut throughput = fields.fields("ProvisionedThroughput")?;
    let mut units = Map::new();
    for key in ["ReadCapacityUnits", "WriteCapacityUnits"] {
        throughput.required(key);
        units.insert(key.to_owned(), json!(throughput.integer(key, 1..=1_000_000)));
    }
    throughput.finish();
    Some(Json::Object(units))
}

fn index(mut fields: Fields<'_>) -> Json {
    let mut index = Map::new();
    index.insert("IndexName".to_owned(), json!(fields.required_text("IndexName")));
    index.insert("KeySchema".to_owned(), key_schema(&mut fields));
    fields.required("Projection");
    if let Some(mut projection) = fields.fields("Projection") {
        let kind = projection.one_of("ProjectionType", PROJECTIONS);
        let mut projected = json!({ "ProjectionType": kind });
        let others = projection.texts("NonKeyAttributes");
        if !others.is_empty() {
            let names = others.into_iter().map(|(name, _)| name).collect::<Vec<_>>();
            projected["NonKeyAttributes"] = json!(names);
        }
        index.insert("Projection".to_owned(), projected);
        projection.finish();
    }
    if let Some(throughput) = throughput(&mut fields) {
        index.insert("ProvisionedThroughput".to_owned(), throughput);
    }
    fields.finish();
    Json::Object(index)
}

fn ttl_attribute(mut fields: Fields<'_>) -> Option<String> {
    fields.required("Enabled");
    let enabled = fields.boolean("Enabled")?;
    let attribute = fields.text("AttributeName");
    if enabled && attribute.is_none() {
        fields.problem(fields.line(), "AttributeName", "is required");
    }
    fields.finish();
    attribute.filter(|_| enabled).map(str::to_owned)
}
