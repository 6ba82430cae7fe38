//! S3: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html>, and the
//! permissions in the reference of each operation.

use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};
use percent_encoding::percent_decode_str;

use super::Permission;

const COPY_SOURCE: &str = "x-amz-copy-source";
const TAGGING: &str = "x-amz-tagging";
const TAGGING_DIRECTIVE: &str = "x-amz-tagging-directive";

/// What the required permissions depend on.
pub(in super::super) trait ObjectLookup {
    /// Whether the object has tags.
    fn is_tagged(&self, bucket: &str, key: &str) -> bool;

    /// Whether the bucket exists and has no such object.
    fn is_missing(&self, bucket: &str, key: &str) -> bool;
}

/// An object, or one of its versions.
struct Object {
    bucket: String,
    key: String,
    is_version: bool,
}

impl Object {
    fn permission(&self, action: &str) -> Permission {
        Permission::new(action, format!("arn:aws:s3:::{}/{}", self.bucket, self.key))
    }

    /// The action `plain`, or `of_version` if a version of the object is requested.
    fn version_permission(&self, plain: &str, of_version: &str) -> Permission {
        self.permission(if self.is_version { of_version } else { plain })
    }

    /// The permissions to read an object. If it does not exist, only a caller that may list the bucket learns
    /// so, and all others are denied: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html>.
    fn read(&self, action: Permission, objects: &dyn ObjectLookup) -> Vec<Permission> {
        let mut permissions = vec![action];
        if objects.is_missing(&self.bucket, &self.key) {
            permissions.push(bucket_permission("s3:ListBucket", &self.bucket));
        }
        permissions
    }

    fn get(&self, objects: &dyn ObjectLookup) -> Vec<Permission> {
        self.read(self.version_permission("s3:GetObject", "s3:GetObjectVersion"), objects)
    }
}

fn bucket_permission(action: &str, bucket: &str) -> Permission {
    Permission::new(action, format!("arn:aws:s3:::{bucket}"))
}

pub(super) fn permissions(
    operation: &str,
    parts: &Parts,
    objects: &dyn ObjectLookup,
) -> Vec<Permission> {
    let path = decoded(parts.uri.path().trim_start_matches('/'));
    let (bucket, key) = path.split_once('/').unwrap_or((&path, ""));
    let is_version = query(parts, "versionId").is_some();
    let object = Object { bucket: bucket.to_owned(), key: key.to_owned(), is_version };
    let headers = &parts.headers;
    match operation {
        "ListBuckets" => vec![Permission::new("s3:ListAllMyBuckets", "*")],
        "ListObjects" | "ListObjectsV2" | "HeadBucket" => {
            vec![bucket_permission("s3:ListBucket", bucket)]
        }
        "ListMultipartUploads" => vec![bucket_permission("s3:ListBucketMultipartUploads", bucket)],
        "CreateBucket" | "DeleteBucket" | "GetBucketLocation" => {
            vec![bucket_permission(&format!("s3:{operation}"), bucket)]
        }
        // The body names the objects, and is not read here. So all objects of the bucket are required.
        "DeleteObjects" => {
            vec![Permission::new("s3:DeleteObject", format!("arn:aws:s3:::{bucket}/*"))]
        }
        "GetObject" | "HeadObject" => object.get(objects),
        "GetObjectAttributes" => {
            let attributes = object
                .version_permission("s3:GetObjectAttributes", "s3:GetObjectVersionAttributes");
            [object.get(objects), vec![attributes]].concat()
        }
        "GetObjectTagging" => {
            let permission =
                object.version_permission("s3:GetObjectTagging", "s3:GetObjectVersionTagging");
            object.read(permission, objects)
        }
        "PutObjectTagging" => {
            vec![object.version_permission("s3:PutObjectTagging", "s3:PutObjectVersionTagging")]
        }
        "DeleteObjectTagging" => {
            vec![
                object
                    .version_permission("s3:DeleteObjectTagging", "s3:DeleteObjectVersionTagging"),
            ]
        }
        "DeleteObject" => {
            vec![object.version_permission("s3:DeleteObject", "s3:DeleteObjectVersion")]
        }
        "PutObject" | "CreateMultipartUpload" | "CompleteMultipartUpload" => put(&object, headers),
        "UploadPart" => vec![object.permission("s3:PutObject")],
        "UploadPartCopy" => {
            let mut permissions = copied(headers).get(objects);
            permissions.push(object.permission("s3:PutObject"));
            permissions
        }
        "CopyObject" => copy(&object, headers, objects),
        "AbortMultipartUpload" => vec![object.permission("s3:AbortMultipartUpload")],
        "ListParts" => vec![object.permission("s3:ListMultipartUploadParts")],
        other => vec![Permission::new(format!("s3:{other}"), "*")],
    }
}

/// The permissions to write an object, which depend on the headers.
fn put(object: &Object, headers: &HeaderMap) -> Vec<Permission> {
    let mut permissions = vec![object.permission("s3:PutObject")];
    // A comparison with the entity tag of an object reveals something of its content:
    // <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html>.
    if headers.contains_key("if-match") {
        permissions.push(object.permission("s3:GetObject"));
    }
    if headers.contains_key("x-amz-acl") {
        permissions.push(object.permission("s3:PutObjectAcl"));
    }
    if headers.get(TAGGING).is_some_and(|tags| !tags.is_empty()) {
        permissions.push(object.permission("s3:PutObjectTagging"));
    }
    permissions
}

/// The permissions to copy an object: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html>.
/// Unless the tags are replaced, they are read from the source and written to the copy.
fn copy(object: &Object, headers: &HeaderMap, objects: &dyn ObjectLookup) -> Vec<Permission> {
    let source = copied(headers);
    let mut permissions = source.get(objects);
    permissions.extend(put(object, headers));
    let replaces = text(headers, TAGGING_DIRECTIVE).eq_ignore_ascii_case("REPLACE");
    if !replaces && objects.is_tagged(&source.bucket, &source.key) {
        permissions
            .push(source.version_permission("s3:GetObjectTagging", "s3:GetObjectVersionTagging"));
        permissions.push(object.permission("s3:PutObjectTagging"));
    }
    permissions
}

/// The object in `x-amz-copy-source`: a URL-encoded `bucket/key` with an optional `?versionId=`.
fn copied(headers: &HeaderMap) -> Object {
    let source = text(headers, COPY_SOURCE).trim_start_matches('/');
    let (path, version) = source.split_once("?versionId=").unwrap_or((source, ""));
    let path = decoded(path);
    let (bucket, key) = path.split_once('/').unwrap_or((&path, ""));
    Object { bucket: bucket.to_owned(), key: key.to_owned(), is_version: !version.is_empty() }
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn text<'a>(headers: &'a HeaderMap, name: &'static str) -> &'a str {
    let value = headers.get(HeaderName::from_static(name));
    value.and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn query<'a>(parts: &'a Parts, name: &str) -> Option<&'a str> {
    let parameters = parts.uri.query().unwrap_or_default().split('&');
    let mut pairs =
        parameters.map(|parameter| parameter.split_once('=').unwrap_or((parameter, "")));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::super::super::operation;
    use super::super::tests::texts;
    use super::*;

    /// A bucket `b` with objects, of which one is tagged.
    struct Bucket;

    impl ObjectLookup for Bucket {
        fn is_tagged(&self, bucket: &str, key: &str) -> bool {
            (bucket, key) == ("b", "tagged")
        }

        fn is_missing(&self, bucket: &str, key: &str) -> bool {
            bucket == "b" && !["k", "a b", "tagged"].contains(&key)
        }
    }

    #[track_caller]
    fn check(method: &str, uri: &str, headers: &[(&str, &str)], expected: &[&str]) {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let parts = request.body(()).unwrap().into_parts().0;
        let operation = operation::of_s3(&parts);
        let expected: Vec<String> =
            expected.iter().map(|each| each.replace(" ~", " arn:aws:s3:::")).collect();
        assert_eq!(texts(&permissions(operation, &parts, &Bucket)), expected, "{method} {uri}");
    }

    #[test]
    fn whether_an_object_is_there_is_told_only_to_who_may_list() {
        check("GET", "/b/k", &[], &["s3:GetObject ~b/k"]);
        check("GET", "/b/a%20b", &[], &["s3:GetObject ~b/a b"]);
        check("HEAD", "/b/gone", &[], &["s3:GetObject ~b/gone", "s3:ListBucket ~b"]);
        check("GET", "/b/gone", &[], &["s3:GetObject ~b/gone", "s3:ListBucket ~b"]);
        check("GET", "/other/gone", &[], &["s3:GetObject ~other/gone"]);
        check("GET", "/b/k?versionId=1", &[], &["s3:GetObjectVersion ~b/k"]);
        check("GET", "/b?list-type=2", &[], &["s3:ListBucket ~b"]);
        check("GET", "/b/tagged?tagging", &[], &["s3:GetObjectTagging ~b/tagged"]);
    }

    #[test]
    fn what_a_write_says_beside_the_object_needs_rights_of_its_own() {
        check("PUT", "/b/k", &[], &["s3:PutObject ~b/k"]);
        check("PUT", "/b/k", &[("if-none-match", "*")], &["s3:PutObject ~b/k"]);
        let conditional = &["s3:PutObject ~b/k", "s3:GetObject ~b/k"];
        check("PUT", "/b/k", &[("if-match", "e")], conditional);
        let tagged = &["s3:PutObject ~b/k", "s3:PutObjectTagging ~b/k"];
        check("PUT", "/b/k", &[("x-amz-tagging", "a=b")], tagged);
        check("POST", "/b/k?uploads", &[("x-amz-tagging", "a=b")], tagged);
        check("PUT", "/b/k?partNumber=1&uploadId=u", &[], &["s3:PutObject ~b/k"]);
        check("POST", "/b/k?uploadId=u", &[], &["s3:PutObject ~b/k"]);
        check("DELETE", "/b/k?uploadId=u", &[], &["s3:AbortMultipartUpload ~b/k"]);
        check("DELETE", "/b/k", &[], &["s3:DeleteObject ~b/k"]);
        check("POST", "/b?delete", &[], &["s3:DeleteObject ~b/*"]);
    }

    #[test]
    fn a_copy_reads_there_writes_here_and_takes_the_tags_along() {
        let plain = &["s3:GetObject ~b/k", "s3:PutObject ~c/k"];
        check("PUT", "/c/k", &[(COPY_SOURCE, "b/k")], plain);
        check(
            "PUT",
            "/c/k",
            &[(COPY_SOURCE, "/b/a%20b")],
            &["s3:GetObject ~b/a b", "s3:PutObject ~c/k"],
        );
        let version = &["s3:GetObjectVersion ~b/k", "s3:PutObject ~c/k"];
        check("PUT", "/c/k", &[(COPY_SOURCE, "b/k?versionId=3")], version);
        check(
            "PUT",
            "/c/k",
            &[(COPY_SOURCE, "b/tagged")],
            &[
                "s3:GetObject ~b/tagged",
                "s3:PutObject ~c/k",
                "s3:GetObjectTagging ~b/tagged",
                "s3:PutObjectTagging ~c/k",
            ],
        );
        let replaced = [(COPY_SOURCE, "b/tagged"), (TAGGING_DIRECTIVE, "REPLACE")];
        check("PUT", "/c/k", &replaced, &["s3:GetObject ~b/tagged", "s3:PutObject ~c/k"]);
        let missing = &["s3:GetObject ~b/gone", "s3:ListBucket ~b", "s3:PutObject ~c/k"];
        check("PUT", "/c/k", &[(COPY_SOURCE, "b/gone")], missing);
        check(
            "PUT",
            "/c/k?partNumber=1&uploadId=u",
            &[(COPY_SOURCE, "b/tagged")],
            &["s3:GetObject ~b/tagged", "s3:PutObject ~c/k"],
        );
    }

    #[test]
    fn what_is_not_known_needs_everything() {
        check("PATCH", "/b/k", &[], &["s3:Unknown *"]);
        check("GET", "/", &[], &["s3:ListAllMyBuckets *"]);
    }
}
