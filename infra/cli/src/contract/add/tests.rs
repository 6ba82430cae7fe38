use super::*;
use crate::contract::samples::orders;

/// A function that writes and one that reads, in the template's style, and their roles.
const TEMPLATE: &str = r#"# Kept: é
Resources:
  Sink:
    Type: AWS::Serverless::Function
    Metadata: {BuildProperties: {Binary: sink}}
    Properties:
      Role: !GetAtt SinkRole.Arn
      Environment:
        Variables:
          # The tables.
          TABLES: !Sub '{"records":"${RecordsTable}"}'   # by sink
          DEDUPE_TABLE: !Ref DedupeTable
  SinkRole:
    Properties:
      Policies:
        - PolicyDocument:
            Statement:
              # Not of tables of sinks.
              - Effect: Allow
                Action: dynamodb:PutItem
                Resource: !GetAtt LettersTable.Arn
              - Effect: Allow
                Action: dynamodb:PutItem
                Resource:
                  - !GetAtt RecordsTable.Arn   # rows
                  - !GetAtt DedupeTable.Arn

  RecordsTable:
    Type: AWS::DynamoDB::Table
    Properties: {BillingMode: PAY_PER_REQUEST}   # no more
  # Of keys.
  DedupeTable:
    Type: AWS::DynamoDB::Table
"#;

fn needs(sink: &str) -> TableNeeds {
    TableNeeds::of(&orders(&format!("{{name: orders, kind: table, {sink}}}")), "orders")
}

fn added(template: &str, sink: &str) -> Result<(String, Vec<String>), NotAdded> {
    let (mut text, mut written) = (template.to_owned(), Vec::new());
    add(&mut text, "orders", &needs(sink), &mut written)?;
    let additions =
        written.iter().map(|each| format!("{}: {}", each.line(&text), each.what)).collect();
    Ok((text, additions))
}

/// The lines that only the first text has, and those that only the second has.
fn difference<'a>(before: &'a str, after: &'a str) -> (Vec<&'a str>, Vec<&'a str>) {
    let gone = before.lines().filter(|line| !after.lines().any(|other| other == *line));
    let new = after.lines().filter(|line| !before.lines().any(|other| other == *line));
    (gone.collect(), new.collect())
}

#[test]
fn a_table_its_name_and_its_rights_are_written_and_all_else_stays() {
    let (text, additions) = added(TEMPLATE, "mode: insert, ttl_days: 40").unwrap();
    assert_eq!(
        additions,
        [
            "11: TABLES of Sink: \"orders\":\"${OrdersTable}\"",
            "27: SinkRole: dynamodb:PutItem on OrdersTable",
            "33: OrdersTable: a table with the key pk, and expires_at as its time to live",
        ]
    );
    let (gone, new) = difference(TEMPLATE, &text);
    assert_eq!(gone, ["          TABLES: !Sub '{\"records\":\"${RecordsTable}\"}'   # by sink"]);
    assert_eq!(
        new[..3],
        [
            "          TABLES: !Sub '{\"records\":\"${RecordsTable}\",\"orders\":\"${OrdersTable}\"}'   # by sink",
            "                  - !GetAtt OrdersTable.Arn",
            "  OrdersTable:",
        ]
    );
    assert!(text.contains("# no more\n\n  OrdersTable:\n"), "{text}");
    assert!(text.contains("        KMSMasterKeyId: !If [OwnKey, !Ref KmsKeyArn, !Ref AWS::NoValue]\n  # Of keys.\n  DedupeTable:\n"), "{text}");
    assert!(new.contains(&"        AttributeName: expires_at"), "{new:?}");
    assert_eq!(added(&text, "mode: insert, ttl_days: 40").unwrap(), (text, Vec::new()), "again");
}

#[test]
fn a_right_that_no_statement_has_gets_one_of_its_own() {
    let (text, additions) = added(TEMPLATE, "mode: merge, attributes: {a: /a}").unwrap();
    assert_eq!(additions[1], "27: SinkRole: dynamodb:UpdateItem on OrdersTable", "{text}");
    let statement = "              - Effect: Allow
                Action: dynamodb:UpdateItem
                Resource: !GetAtt OrdersTable.Arn

  RecordsTable:
";
    assert!(text.contains(statement), "{text}");
    assert!(!text.contains("expires_at"), "{text}");
}

#[test]
fn one_resource_becomes_a_list_and_a_list_in_brackets_grows() {
    let rows = "\n                  - !GetAtt RecordsTable.Arn   # rows\n                  - !GetAtt DedupeTable.Arn";
    for (own, grown) in [
        (
            " !GetAtt RecordsTable.Arn",
            "Resource: [!GetAtt RecordsTable.Arn, !GetAtt OrdersTable.Arn]\n",
        ),
        (
            " [!GetAtt RecordsTable.Arn, !GetAtt DedupeTable.Arn]",
            "Resource: [!GetAtt RecordsTable.Arn, !GetAtt DedupeTable.Arn, !GetAtt OrdersTable.Arn]\n",
        ),
    ] {
        let (text, _) = added(&TEMPLATE.replace(rows, own), "mode: upsert").unwrap();
        assert!(text.contains(grown), "{text}");
    }
}

#[test]
fn without_any_table_of_a_sink_the_first_comes_after_the_dedupe_records() {
    let empty = TEMPLATE.replace("{\"records\":\"${RecordsTable}\"}", "{}");
    let (text, _) = added(&empty, "mode: insert").unwrap();
    assert!(text.contains("TABLES: !Sub '{\"orders\":\"${OrdersTable}\"}'   # by sink"), "{text}");
    assert!(
        text.contains("  DedupeTable:\n    Type: AWS::DynamoDB::Table\n\n  OrdersTable:\n"),
        "{text}"
    );
}

#[test]
fn texts_of_several_lines_are_written_into_and_behind() {
    let folded = TEMPLATE
        .replace(
            "!Sub '{\"records\":\"${RecordsTable}\"}'   # by sink",
            "!Sub >-\n            {\n            \"records\":\"${RecordsTable}\"}",
        )
        .replace("{BillingMode: PAY_PER_REQUEST}   # no more", "\n      About: |\n        Rows.\n");
    let (text, _) = added(&folded, "mode: insert").unwrap();
    let tables = "            \"records\":\"${RecordsTable}\",\"orders\":\"${OrdersTable}\"}\n          DEDUPE";
    assert!(text.contains(tables), "{text}");
    assert!(text.contains("      About: |\n        Rows.\n\n  OrdersTable:\n"), "{text}");
}

#[track_caller]
fn check_refused(old: &str, new: &str, why: &str) {
    assert!(TEMPLATE.contains(old), "{old}");
    let error = added(&TEMPLATE.replace(old, new), "mode: insert").unwrap_err().to_string();
    assert!(error.contains(why), "{error}");
}

#[test]
fn what_is_not_where_it_is_looked_for_is_refused_with_its_line() {
    check_refused(
        "!Sub '{\"records\":\"${RecordsTable}\"}'",
        "!Ref Tables",
        "line 11: TABLES of Sink is",
    );
    check_refused("TABLES:", "TABELS:", "no function has the variable TABLES");
    check_refused("!GetAtt SinkRole.Arn", "!Ref Role", "line 3: Sink has no role");
    check_refused("            Statement:", "            Statements:", "line 3: Sink has no role");
    check_refused(
        "  RecordsTable:\n",
        "  OrdersTable:\n",
        "there is a resource OrdersTable already",
    );
    check_refused("# Kept: é", "a: [", "line ");
}

#[test]
fn a_table_has_the_name_of_its_sink() {
    assert_eq!(logical_id("order-totals"), "OrderTotalsTable");
    assert_eq!(logical_id("o-2-x"), "O2XTable");
}
