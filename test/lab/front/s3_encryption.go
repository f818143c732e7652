// Server-side encryption as clients see it: the bucket's default, and what an object was put with. Nothing is encrypted
// on the lab's disk; what is checked is the caller's right to use the key.
package main

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"strings"
)

type encryption struct {
	Algorithm string `json:"algorithm"` // AES256 or aws:kms
	KeyID     string `json:"keyId,omitempty"`
}

const (
	encryptionHeader = "X-Amz-Server-Side-Encryption"
	keyHeader        = "X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id"
)

// encryptionAsked is the encryption that a new object gets; nil for requests that make no object.
func (f *front) encryptionAsked(r *http.Request, operation s3Operation) *encryption {
	switch operation.name {
	case "PutObject", "CopyObject", "CreateMultipartUpload":
	default:
		return nil
	}
	found, _ := f.buckets.get(operation.bucket)
	asked := found.Encryption
	if header := r.Header.Get(encryptionHeader); header != "" {
		asked = encryption{header, r.Header.Get(keyHeader)}
	}
	r.Header.Del(encryptionHeader)
	r.Header.Del(keyHeader)
	return &asked
}

// encryptionOf is that of an object that exists.
func (l *bucketList) encryptionOf(name, key string) encryption {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	b, ok := l.buckets[name]
	if !ok {
		return encryption{}
	}
	if own, ok := b.Objects[key]; ok {
		return own
	}
	return b.Encryption
}

// admitKey checks the caller's right to the KMS key that an object is, or will be, encrypted with.
// Source: "Using server-side encryption with AWS KMS keys", Amazon S3 User Guide: writing needs GenerateDataKey, reading and multipart Decrypt.
func (f *front) admitKey(r *http.Request, who *caller, operation s3Operation, found bucket) *apiError {
	var used encryption
	var actions []string
	switch operation.name {
	case "PutObject", "CopyObject", "CreateMultipartUpload":
		used = found.Encryption
		if header := r.Header.Get(encryptionHeader); header != "" {
			used = encryption{header, r.Header.Get(keyHeader)}
		}
		actions = []string{"kms:GenerateDataKey"}
	case "UploadPart", "UploadPartCopy", "CompleteMultipartUpload", "GetObject":
		used = f.buckets.encryptionOf(operation.bucket, operation.key)
		actions = []string{"kms:Decrypt"}
	}
	switch {
	case used.Algorithm != "" && used.Algorithm != "AES256" && used.Algorithm != "aws:kms":
		return &apiError{400, "InvalidArgument", "The encryption method specified is not supported"}
	case used.Algorithm != "aws:kms" || used.KeyID == "": // without a key it is AWS's own, aws/s3, that everybody in the account may use
		return nil
	}
	for _, action := range actions {
		if e := f.may(r.Context(), who, permission{action, f.keyARN(used.KeyID, found.Owner)}); e != nil {
			return e
		}
	}
	return nil
}

func (f *front) keyARN(id, account string) string {
	if strings.HasPrefix(id, "arn:") {
		return id
	}
	kind := "key/"
	if strings.HasPrefix(id, "alias/") {
		kind = ""
	}
	return "arn:aws:kms:" + f.config.Region + ":" + account + ":" + kind + id
}

// showEncryption puts the headers of S3's answers on versitygw's, and remembers what an object was put with.
func (f *front) showEncryption(response *http.Response, operation s3Operation, asked *encryption) {
	switch operation.name {
	case "PutObject", "CopyObject", "CreateMultipartUpload":
		if asked != nil && *asked != f.buckets.encryptionOf(operation.bucket, operation.key) {
			own := *asked
			// An error here would show as a wrong header after a restart of the lab, no worse.
			_ = f.buckets.change(func(buckets map[string]*bucket) {
				if b, ok := buckets[operation.bucket]; ok {
					b.Objects[operation.key] = own
				}
			})
		}
	case "GetObject", "HeadObject", "UploadPart", "UploadPartCopy", "CompleteMultipartUpload":
	default:
		return
	}
	used := f.buckets.encryptionOf(operation.bucket, operation.key)
	if asked != nil {
		used = *asked
	}
	if used.Algorithm == "" {
		return
	}
	response.Header.Set(encryptionHeader, used.Algorithm)
	if used.KeyID != "" {
		response.Header.Set(keyHeader, f.keyARN(used.KeyID, f.config.AccountID))
	}
}

// setDefaultEncryption follows PutBucketEncryption and DeleteBucketEncryption.
func (f *front) setDefaultEncryption(name string, body []byte) error {
	var configuration struct {
		Rule struct {
			ApplyServerSideEncryptionByDefault struct {
				SSEAlgorithm   string
				KMSMasterKeyID string
			}
		}
	}
	if len(body) > 0 {
		if err := xml.Unmarshal(body, &configuration); err != nil {
			return fmt.Errorf("encryption configuration: %w", err)
		}
	}
	asked := configuration.Rule.ApplyServerSideEncryptionByDefault
	if asked.SSEAlgorithm == "" {
		asked.SSEAlgorithm = "AES256"
	}
	return f.buckets.change(func(buckets map[string]*bucket) {
		if b, ok := buckets[name]; ok {
			b.Encryption = encryption{asked.SSEAlgorithm, asked.KMSMasterKeyID}
		}
	})
}
