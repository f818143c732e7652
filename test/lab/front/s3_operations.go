// S3's operations: the name of each request, and the permissions that it needs.
// Source: "Actions, resources, and condition keys for Amazon S3", Service Authorization Reference.
package main

import (
	"net/http"
	"net/url"
	"strings"
)

// permission is an IAM action on a resource.
type permission struct{ action, resource string }

// s3Operation is what a request asks for. Only path-style addresses are served.
type s3Operation struct {
	name, bucket, key string
	permissions       []permission
	setting           string // the sub-resource of a bucket, such as "lifecycle"
	copySource        string // bucket of the object that is copied from
}

// setting is a sub-resource of a bucket: its name in operations, and in permissions where that differs.
type setting struct {
	name, permission string
	moto             bool // versitygw answers 501, so moto keeps it
	deletable        bool
}

var bucketSettings = map[string]setting{
	"accelerate":        {name: "BucketAccelerateConfiguration", permission: "AccelerateConfiguration", moto: true},
	"acl":               {name: "BucketAcl"},
	"cors":              {name: "BucketCors", permission: "BucketCORS", deletable: true},
	"encryption":        {name: "BucketEncryption", permission: "EncryptionConfiguration", moto: true, deletable: true},
	"lifecycle":         {name: "BucketLifecycleConfiguration", permission: "LifecycleConfiguration", moto: true, deletable: true},
	"location":          {name: "BucketLocation"},
	"logging":           {name: "BucketLogging", moto: true},
	"notification":      {name: "BucketNotificationConfiguration", permission: "BucketNotification", moto: true},
	"object-lock":       {name: "ObjectLockConfiguration", permission: "BucketObjectLockConfiguration"},
	"ownershipControls": {name: "BucketOwnershipControls", deletable: true},
	"policy":            {name: "BucketPolicy", deletable: true},
	"policyStatus":      {name: "BucketPolicyStatus"},
	"publicAccessBlock": {name: "PublicAccessBlock", permission: "BucketPublicAccessBlock", moto: true, deletable: true},
	"replication":       {name: "BucketReplication", permission: "ReplicationConfiguration", moto: true, deletable: true},
	"requestPayment":    {name: "BucketRequestPayment", moto: true},
	"tagging":           {name: "BucketTagging", deletable: true},
	"versioning":        {name: "BucketVersioning"},
	"website":           {name: "BucketWebsite", deletable: true},
}

func bucketARN(bucket string) string      { return "arn:aws:s3:::" + bucket }
func objectARN(bucket, key string) string { return "arn:aws:s3:::" + bucket + "/" + key }

func s3OperationOf(r *http.Request) s3Operation {
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	query := r.URL.Query()
	operation := s3Operation{bucket: bucket, key: key}
	switch {
	case bucket == "":
		operation.name = "ListBuckets"
		operation.permissions = []permission{{"s3:ListAllMyBuckets", "*"}}
	case key == "":
		operation.ofBucket(r, query)
	default:
		operation.ofObject(r, query)
	}
	return operation
}

func (o *s3Operation) need(resource string, actions ...string) {
	for _, action := range actions {
		o.permissions = append(o.permissions, permission{"s3:" + action, resource})
	}
}

func (o *s3Operation) ofBucket(r *http.Request, query url.Values) {
	arn := bucketARN(o.bucket)
	for name, s := range bucketSettings {
		if !query.Has(name) {
			continue
		}
		verb := map[string]string{"GET": "Get", "PUT": "Put", "DELETE": "Delete"}[r.Method]
		if verb == "" || verb == "Delete" && !s.deletable {
			o.name = "Unknown"
			return
		}
		o.setting, o.name = name, verb+s.name
		permission := s.permission
		if permission == "" {
			permission = s.name
		}
		if verb == "Delete" {
			switch name {
			case "lifecycle": // as in the API: DeleteBucketLifecycle
				o.name = "DeleteBucketLifecycle"
			}
			if name != "policy" && name != "website" { // only these two have a permission of their own for deleting
				verb = "Put"
			}
		}
		o.need(arn, verb+permission)
		return
	}
	switch r.Method {
	case http.MethodPut:
		o.name = "CreateBucket"
		o.need(arn, "CreateBucket")
		if r.Header.Get("X-Amz-Acl") != "" {
			o.need(arn, "PutBucketAcl")
		}
		if r.Header.Get("X-Amz-Object-Ownership") != "" {
			o.need(arn, "PutBucketOwnershipControls")
		}
	case http.MethodDelete:
		o.name = "DeleteBucket"
		o.need(arn, "DeleteBucket")
	case http.MethodHead:
		o.name = "HeadBucket"
		o.need(arn, "ListBucket")
	case http.MethodPost:
		o.name = "Unknown"
		if query.Has("delete") {
			o.name = "DeleteObjects" // its permissions are asked for key by key
		}
	case http.MethodGet:
		switch {
		case query.Has("uploads"):
			o.name = "ListMultipartUploads"
			o.need(arn, "ListBucketMultipartUploads")
		case query.Has("versions"):
			o.name = "ListObjectVersions"
			o.need(arn, "ListBucketVersions")
		case query.Get("list-type") == "2":
			o.name = "ListObjectsV2"
			o.need(arn, "ListBucket")
		default:
			o.name = "ListObjects"
			o.need(arn, "ListBucket")
		}
	default:
		o.name = "Unknown"
	}
}

func (o *s3Operation) ofObject(r *http.Request, query url.Values) {
	arn := objectARN(o.bucket, o.key)
	version := ""
	if query.Has("versionId") {
		version = "Version"
	}
	upload := query.Has("uploadId")
	copied := r.Header.Get("X-Amz-Copy-Source")
	for name, part := range map[string]string{"tagging": "Tagging", "acl": "Acl", "retention": "Retention", "legal-hold": "LegalHold"} {
		if query.Has(name) {
			verb := map[string]string{"GET": "Get", "PUT": "Put", "DELETE": "Delete"}[r.Method]
			o.name = verb + "Object" + part
			o.need(arn, verb+"Object"+version+part)
			return
		}
	}
	switch r.Method {
	case http.MethodPut:
		switch {
		case upload && copied != "":
			o.name = "UploadPartCopy"
		case upload:
			o.name = "UploadPart"
		case copied != "":
			o.name = "CopyObject"
		default:
			o.name = "PutObject"
		}
		o.need(arn, "PutObject")
		if copied != "" {
			source, err := url.QueryUnescape(strings.TrimPrefix(copied, "/"))
			if err != nil {
				o.name = "Unknown"
				return
			}
			source, versionID, _ := strings.Cut(source, "?versionId=")
			bucket, key, _ := strings.Cut(source, "/")
			action := "GetObject"
			if versionID != "" {
				action = "GetObjectVersion"
			}
			o.copySource = bucket
			o.need(objectARN(bucket, key), action)
		}
		o.needExtras(r, arn)
		o.needMatch(r, arn)
	case http.MethodPost:
		switch {
		case query.Has("uploads"):
			o.name = "CreateMultipartUpload"
			o.needExtras(r, arn)
		case upload:
			o.name = "CompleteMultipartUpload"
		default:
			o.name = "Unknown"
			return
		}
		o.permissions = append([]permission{{"s3:PutObject", arn}}, o.permissions...)
		o.needMatch(r, arn)
	case http.MethodDelete:
		if upload {
			o.name = "AbortMultipartUpload"
			o.need(arn, "AbortMultipartUpload")
			return
		}
		o.name = "DeleteObject"
		o.need(arn, "DeleteObject"+version)
	case http.MethodGet, http.MethodHead:
		switch {
		case upload:
			o.name = "ListParts"
			o.need(arn, "ListMultipartUploadParts")
		case query.Has("attributes"):
			o.name = "GetObjectAttributes"
			o.need(arn, "GetObject"+version, "GetObject"+version+"Attributes")
		default:
			o.name = map[string]string{"GET": "GetObject", "HEAD": "HeadObject"}[r.Method]
			o.need(arn, "GetObject"+version)
		}
	default:
		o.name = "Unknown"
	}
}

// needExtras adds what headers ask for besides the object itself.
func (o *s3Operation) needExtras(r *http.Request, arn string) {
	if r.Header.Get("X-Amz-Tagging") != "" {
		o.need(arn, "PutObjectTagging")
	}
	if r.Header.Get("X-Amz-Acl") != "" {
		o.need(arn, "PutObjectAcl")
	}
}

// needMatch: who makes a write depend on the ETag of what is there must be allowed to read it.
func (o *s3Operation) needMatch(r *http.Request, arn string) {
	if r.Header.Get("If-Match") != "" {
		o.need(arn, "GetObject")
	}
}
