// Buckets: names are unique over all accounts, and each bucket has one owner. versitygw and moto know one account only,
// so the front keeps the owners.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

type bucket struct {
	Owner      string                `json:"owner"`
	Created    time.Time             `json:"created"`
	Policy     string                `json:"policy,omitempty"`
	Encryption encryption            `json:"encryption"`
	Objects    map[string]encryption `json:"objects"` // of those that were put with an encryption of their own
}

type bucketList struct {
	mutex   sync.Mutex
	file    string
	buckets map[string]*bucket
}

func loadBuckets(stateDir string) (*bucketList, error) {
	l := &bucketList{file: filepath.Join(stateDir, "front-buckets.json"), buckets: map[string]*bucket{}}
	if err := os.MkdirAll(stateDir, 0o700); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(l.file)
	if errors.Is(err, os.ErrNotExist) {
		return l, nil
	}
	if err != nil {
		return nil, err
	}
	return l, json.Unmarshal(text, &l.buckets)
}

func (l *bucketList) get(name string) (bucket, bool) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if b, ok := l.buckets[name]; ok {
		return *b, true
	}
	return bucket{}, false
}

// change edits the list and writes it down.
func (l *bucketList) change(edit func(map[string]*bucket)) error {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	edit(l.buckets)
	text, err := json.Marshal(l.buckets)
	if err != nil {
		return err
	}
	if err := os.WriteFile(l.file+".new", text, 0o600); err != nil {
		return err
	}
	return os.Rename(l.file+".new", l.file)
}

func (f *front) listBuckets(w *meter, r *http.Request, who *caller) {
	f.buckets.mutex.Lock()
	var rows []string
	for name, b := range f.buckets.buckets {
		if b.Owner == who.accountID {
			rows = append(rows, fmt.Sprintf("<Bucket><Name>%s</Name><CreationDate>%s</CreationDate></Bucket>",
				xmlText(name), b.Created.Format("2006-01-02T15:04:05.000Z")))
		}
	}
	f.buckets.mutex.Unlock()
	slices.Sort(rows)
	writeXML(w, fmt.Sprintf(`<ListAllMyBucketsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Owner><ID>%s</ID></Owner><Buckets>%s</Buckets></ListAllMyBucketsResult>`,
		who.accountID, strings.Join(rows, "")))
}

func writeXML(w http.ResponseWriter, body string) {
	body = `<?xml version="1.0" encoding="UTF-8"?>` + "\n" + body
	w.Header().Set("Content-Type", "application/xml")
	w.Header().Set("Content-Length", fmt.Sprint(len(body)))
	io.WriteString(w, body)
}

func (f *front) createBucket(w *meter, r *http.Request, who *caller, operation s3Operation) {
	body, e := readBody(r, 64<<10, who.signature.payloadHash)
	if e == nil {
		e = f.placeable(operation.bucket, who.accountID, body)
	}
	if e != nil {
		f.refuse(w, r, e)
		return
	}
	f.forward(w, r, f.versitygw, who.signature.payloadHash, nil, func(response *http.Response) error {
		f.stamp(response)
		if response.StatusCode != http.StatusOK {
			return nil
		}
		return f.adopt(r.Context(), operation.bucket, who.accountID)
	})
}

func (f *front) placeable(name, account string, body []byte) *apiError {
	var place struct{ LocationConstraint string }
	if len(bytes.TrimSpace(body)) > 0 {
		if err := xml.Unmarshal(body, &place); err != nil {
			return &apiError{400, "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema"}
		}
	}
	want := f.config.Region
	if want == "us-east-1" {
		want = ""
	}
	if place.LocationConstraint != want {
		return &apiError{400, "IllegalLocationConstraintException", fmt.Sprintf("The %s location constraint is incompatible for the region specific endpoint this request was sent to.",
			map[bool]string{true: "unspecified", false: place.LocationConstraint}[place.LocationConstraint == ""])}
	}
	if found, exists := f.buckets.get(name); exists && found.Owner == account {
		return &apiError{409, "BucketAlreadyOwnedByYou", "Your previous request to create the named bucket succeeded and you already own it."}
	} else if exists {
		return &apiError{409, "BucketAlreadyExists", "The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a different name and try again."}
	}
	return nil
}

// adopt makes versitygw's new bucket known to moto and to the list of owners.
func (f *front) adopt(ctx context.Context, name, account string) error {
	status, text, err := f.send(ctx, f.moto, http.MethodPut, "/"+name, f.location(), nil)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return fmt.Errorf("moto answered %d to bucket %s: %s", status, name, text)
	}
	// Buckets block public access from the start (AWS, since April 2023); moto's do not.
	const all = "<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls><IgnorePublicAcls>true</IgnorePublicAcls><BlockPublicPolicy>true</BlockPublicPolicy><RestrictPublicBuckets>true</RestrictPublicBuckets></PublicAccessBlockConfiguration>"
	status, text, err = f.send(ctx, f.moto, http.MethodPut, "/"+name+"?publicAccessBlock", all, nil)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return fmt.Errorf("moto answered %d to publicAccessBlock: %s", status, text)
	}
	return f.buckets.change(func(buckets map[string]*bucket) {
		buckets[name] = &bucket{Owner: account, Created: f.clock.now(), Encryption: encryption{Algorithm: "AES256"}, Objects: map[string]encryption{}}
	})
}

func (f *front) location() string {
	if f.config.Region == "us-east-1" {
		return ""
	}
	return `<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><LocationConstraint>` + f.config.Region + "</LocationConstraint></CreateBucketConfiguration>"
}

func (f *front) deleteBucket(w *meter, r *http.Request, who *caller, operation s3Operation) {
	f.forward(w, r, f.versitygw, who.signature.payloadHash, nil, func(response *http.Response) error {
		f.stamp(response)
		if response.StatusCode != http.StatusNoContent {
			return nil
		}
		if _, _, err := f.send(r.Context(), f.moto, http.MethodDelete, "/"+operation.bucket, "", nil); err != nil {
			return err
		}
		return f.buckets.change(func(buckets map[string]*bucket) { delete(buckets, operation.bucket) })
	})
}

// giveBucket creates a bucket for an account of the control port's choice.
func (f *front) giveBucket(ctx context.Context, name, account string) error {
	if _, exists := f.buckets.get(name); exists {
		return fmt.Errorf("bucket %s exists", name)
	}
	status, text, err := f.send(ctx, f.versitygw, http.MethodPut, "/"+name, f.location(), nil)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return fmt.Errorf("versitygw answered %d: %s", status, text)
	}
	return f.adopt(ctx, name, account)
}
