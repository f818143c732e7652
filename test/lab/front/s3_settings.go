// Settings of buckets: versitygw keeps those that it can, moto the others.
package main

import (
	"bytes"
	"io"
	"net/http"
)

func readCloser(data []byte) io.ReadCloser { return io.NopCloser(bytes.NewReader(data)) }

// memoryWriter takes an answer, to be passed on in place of another.
type memoryWriter struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (m *memoryWriter) Header() http.Header         { return m.header }
func (m *memoryWriter) WriteHeader(status int)      { m.status = status }
func (m *memoryWriter) Write(p []byte) (int, error) { return m.body.Write(p) }

// defaultAnswers are what AWS answers where nothing was set and the servers behind the front have an error instead.
var defaultAnswers = map[string]string{
	// Every bucket encrypts with S3's own keys unless told otherwise (AWS, since January 2023).
	"encryption": `<ServerSideEncryptionConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault><BucketKeyEnabled>false</BucketKeyEnabled></Rule></ServerSideEncryptionConfiguration>`,
	"versioning": `<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"/>`,
}

func (f *front) serveSetting(w *meter, r *http.Request, who *caller, operation s3Operation) {
	body, e := readBody(r, 1<<20, who.signature.payloadHash)
	if e == nil && r.Method == http.MethodPut && operation.setting == "policy" {
		_, e = parsePolicy(body)
	}
	if e != nil {
		f.refuse(w, r, e)
		return
	}
	to := f.versitygw
	if bucketSettings[operation.setting].moto {
		to = f.moto
	}
	f.forward(w, r, to, hashOf(body), nil, func(response *http.Response) error {
		f.stamp(response)
		if r.Method == http.MethodGet && response.StatusCode >= 400 {
			if text, ok := defaultAnswers[operation.setting]; ok {
				response.Body.Close()
				response.StatusCode = http.StatusOK
				response.Header = http.Header{"Content-Type": {"application/xml"}}
				response.Body, response.ContentLength = readCloser([]byte(text)), int64(len(text))
				f.stamp(response)
			}
		}
		if operation.setting == "policy" && r.Method != http.MethodGet && response.StatusCode < 300 {
			return f.buckets.change(func(buckets map[string]*bucket) {
				if b, ok := buckets[operation.bucket]; ok {
					b.Policy = string(body)
				}
			})
		}
		if operation.setting == "encryption" && r.Method != http.MethodGet && response.StatusCode < 300 {
			return f.setDefaultEncryption(operation.bucket, body)
		}
		return nil
	})
}
