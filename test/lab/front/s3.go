// S3 requests: who asks, may they, whose bucket is it; then on to versitygw or moto.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"regexp"
	"strings"
)

// verdict is the backend's answer to /internal/authorize.
type verdict struct {
	Known           bool   `json:"known"`
	SecretAccessKey string `json:"secretAccessKey"`
	AccountID       string `json:"accountId"`
	Expired         bool   `json:"expired"`
	Allowed         bool   `json:"allowed"`
	Message         string `json:"message"`
}

// authorize asks the backend, which holds keys and policies.
func (f *front) authorize(ctx context.Context, s *signature, p permission, conditions map[string]string) (*verdict, error) {
	question := map[string]any{"accessKeyId": s.accessKeyID, "action": p.action, "resource": p.resource, "context": conditions}
	if s.sessionToken != "" {
		question["sessionToken"] = s.sessionToken
	}
	body, err := json.Marshal(question)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, f.backend.base.String()+"/internal/authorize", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Lab-Internal", f.config.InternalToken)
	response, err := f.backend.transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("/internal/authorize answered %s", response.Status)
	}
	v := &verdict{}
	return v, json.NewDecoder(response.Body).Decode(v)
}

// caller is who made a request, proven by its signature.
type caller struct {
	signature  *signature
	accountID  string
	conditions map[string]string
}

// may asks for one permission; nil if it is granted.
func (f *front) may(ctx context.Context, c *caller, p permission) *apiError {
	v, err := f.authorize(ctx, c.signature, p, c.conditions)
	if err != nil {
		log.Print(err)
		return &apiError{500, "InternalError", "We encountered an internal error. Please try again."}
	}
	if !v.Allowed {
		return denied(v.Message)
	}
	return nil
}

func denied(message string) *apiError {
	if message == "" {
		message = "Access Denied"
	}
	return &apiError{403, "AccessDenied", message}
}

var accountPattern = regexp.MustCompile(`^\d{12}$`)

func (f *front) serveS3(w *meter, r *http.Request, s *signature) {
	w.Header().Set("X-Amz-Request-Id", newRequestID())
	operation := s3OperationOf(r)
	if s == nil {
		f.refuse(w, r, denied("")) // no bucket here is public
		return
	}
	who, e := f.identify(r, s)
	if e == nil {
		e = f.admit(r, who, operation)
	}
	if e != nil {
		f.refuse(w, r, e)
		return
	}
	f.strip(r, s)
	switch {
	case operation.name == "ListBuckets":
		f.listBuckets(w, r, who)
	case operation.name == "CreateBucket":
		f.createBucket(w, r, who, operation)
	case operation.name == "DeleteBucket":
		f.deleteBucket(w, r, who, operation)
	case operation.name == "DeleteObjects":
		f.deleteObjects(w, r, who, operation)
	case operation.setting != "":
		f.serveSetting(w, r, who, operation)
	default:
		f.serveObject(w, r, who, operation)
	}
}

// identify checks the signature.
func (f *front) identify(r *http.Request, s *signature) (*caller, *apiError) {
	if s.region != f.config.Region {
		return nil, &apiError{400, "AuthorizationHeaderMalformed",
			fmt.Sprintf("The authorization header is malformed; the region '%s' is wrong; expecting '%s'", s.region, f.config.Region)}
	}
	if strings.HasPrefix(s.payloadHash, "STREAMING-AWS4-") {
		return nil, &apiError{501, "NotImplemented", "The lab takes no bodies with a signature per chunk"}
	}
	// Any action will do to learn the secret; what is allowed is asked once the signature is proven.
	v, err := f.authorize(r.Context(), s, permission{"s3:ListAllMyBuckets", "*"}, map[string]string{})
	switch {
	case err != nil:
		log.Print(err)
		return nil, &apiError{500, "InternalError", "We encountered an internal error. Please try again."}
	case !v.Known:
		return nil, &apiError{403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records."}
	}
	if e := s.check(r, v.SecretAccessKey, f.clock.now()); e != nil {
		return nil, e
	}
	if v.Expired {
		return nil, expiredToken("s3")
	}
	query := r.URL.Query()
	conditions := map[string]string{
		// The endpoint stands for AWS's, which is reached over TLS: policies that demand TLS are met here.
		"aws:SecureTransport":  "true",
		"s3:TlsVersion":        "1.3",
		"aws:PrincipalAccount": v.AccountID,
		"s3:authType":          map[bool]string{true: "REST-QUERY-STRING", false: "REST-HEADER"}[s.presigned],
		"s3:signatureversion":  algorithm,
	}
	for key, value := range map[string]string{
		"s3:prefix": query.Get("prefix"), "s3:delimiter": query.Get("delimiter"), "s3:max-keys": query.Get("max-keys"), "s3:VersionId": query.Get("versionId"),
		"s3:x-amz-acl": r.Header.Get("X-Amz-Acl"), "s3:x-amz-copy-source": r.Header.Get("X-Amz-Copy-Source"),
		"s3:x-amz-server-side-encryption":                r.Header.Get("X-Amz-Server-Side-Encryption"),
		"s3:x-amz-server-side-encryption-aws-kms-key-id": r.Header.Get("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id"),
		"s3:x-amz-object-ownership":                      r.Header.Get("X-Amz-Object-Ownership"),
		"s3:x-amz-content-sha256":                        r.Header.Get("X-Amz-Content-Sha256"),
		"s3:if-match":                                    r.Header.Get("If-Match"),
		"s3:if-none-match":                               r.Header.Get("If-None-Match"),
	} {
		if value != "" {
			conditions[key] = value
		}
	}
	return &caller{s, v.AccountID, conditions}, nil
}

// admit checks permissions and the bucket's owner.
func (f *front) admit(r *http.Request, who *caller, operation s3Operation) *apiError {
	if operation.name == "Unknown" {
		return &apiError{405, "MethodNotAllowed", "The specified method is not allowed against this resource."}
	}
	found, exists := f.buckets.get(operation.bucket)
	if exists {
		who.conditions["s3:ResourceAccount"] = found.Owner
		who.conditions["aws:ResourceAccount"] = found.Owner
	}
	for _, p := range operation.permissions {
		if e := f.may(r.Context(), who, p); e != nil {
			return e
		}
	}
	if operation.bucket == "" || operation.name == "CreateBucket" {
		return nil
	}
	if e := f.owned(operation.bucket, who.accountID, r.Header.Get("X-Amz-Expected-Bucket-Owner")); e != nil {
		return e
	}
	if operation.copySource != "" {
		if e := f.owned(operation.copySource, who.accountID, r.Header.Get("X-Amz-Source-Expected-Bucket-Owner")); e != nil {
			return e
		}
	}
	if e := policyDenies(found.Policy, operation.permissions, who.conditions); e != nil {
		return e
	}
	return f.admitKey(r, who, operation, found)
}

// owned checks that a bucket exists, is whose the caller expects, and may be reached from the caller's account.
func (f *front) owned(name, account, expected string) *apiError {
	if expected != "" && !accountPattern.MatchString(expected) {
		return &apiError{400, "InvalidBucketOwnerAWSAccountID", "The value of the expected bucket owner parameter must be an AWS account ID"}
	}
	found, exists := f.buckets.get(name)
	switch {
	case !exists:
		return &apiError{404, "NoSuchBucket", "The specified bucket does not exist"}
	case expected != "" && expected != found.Owner, account != found.Owner:
		return denied("")
	}
	return nil
}

// strip takes off what is meant for the front alone: the client's signature, session and expectations.
func (f *front) strip(r *http.Request, s *signature) {
	for _, name := range []string{"Authorization", "Date", "X-Amz-Security-Token", "X-Amz-Expected-Bucket-Owner", "X-Amz-Source-Expected-Bucket-Owner", "Expect"} {
		r.Header.Del(name)
	}
	if !s.presigned {
		return
	}
	query := r.URL.Query()
	for _, name := range []string{"Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature", "Security-Token", "Content-Sha256"} {
		query.Del("X-Amz-" + name)
	}
	r.URL.RawQuery = query.Encode()
}

// serveObject passes on what concerns objects and listings.
func (f *front) serveObject(w http.ResponseWriter, r *http.Request, who *caller, operation s3Operation) {
	r, release, e := f.takeTurn(r, operation)
	if e != nil {
		f.refuse(w, r, e)
		return
	}
	defer release()
	asked := f.encryptionAsked(r, operation)
	f.forward(w, r, f.versitygw, who.signature.payloadHash, nil, func(response *http.Response) error {
		f.stamp(response)
		switch {
		case response.StatusCode == http.StatusNotFound && (operation.name == "GetObject" || operation.name == "HeadObject"):
			// Who may not list a bucket does not learn what is missing in it.
			if e := f.may(r.Context(), who, permission{"s3:ListBucket", bucketARN(operation.bucket)}); e != nil {
				return replaceByError(f, response, r, e)
			}
		case response.StatusCode < 300:
			f.showEncryption(response, operation, asked)
		}
		return nil
	})
}

// stamp gives an answer the lab's time, from which clients correct their clocks, and drops doubled headers.
func (f *front) stamp(response *http.Response) {
	response.Header.Set("Date", f.clock.now().Format(http.TimeFormat))
	response.Header.Set("Server", "AmazonS3")
	response.Header.Del("X-Amz-Request-Id") // set already
}

// replaceByError makes an upstream's answer an error of the front's.
func replaceByError(f *front, response *http.Response, r *http.Request, e *apiError) error {
	recorder := &memoryWriter{header: http.Header{}}
	f.refuse(recorder, r, e)
	response.Body.Close()
	recorder.header.Del("X-Amz-Request-Id")
	response.StatusCode, response.Header = recorder.status, recorder.header
	response.ContentLength = int64(recorder.body.Len())
	response.Body = readCloser(recorder.body.Bytes())
	return nil
}
