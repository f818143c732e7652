// AWS Signature Version 4 as S3 uses it: parsing, checking, signing.
// Source: "Authenticating Requests (AWS Signature Version 4)", Amazon S3 API Reference.
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	algorithm       = "AWS4-HMAC-SHA256"
	dateFormat      = "20060102T150405Z"
	unsignedPayload = "UNSIGNED-PAYLOAD"
	maximumSkew     = 15 * time.Minute
	maximumPresign  = 7 * 24 * time.Hour
)

type credentials struct{ accessKeyID, secret string }

// signature is what a request says about who signed it and how.
type signature struct {
	accessKeyID, date, region, service string
	signedHeaders                      []string
	value                              string
	at                                 time.Time
	expires                            time.Duration // of a presigned URL
	presigned                          bool
	sessionToken                       string
	payloadHash                        string
}

// parseSignature reads the Authorization header or the presigned query; nil if the request has neither.
func parseSignature(r *http.Request) (*signature, *apiError) {
	query := r.URL.Query()
	s := &signature{}
	var credential, headers, date string
	switch {
	case r.Header.Get("Authorization") != "":
		kind, rest, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		if kind != algorithm {
			return nil, &apiError{400, "InvalidRequest", "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256."}
		}
		for _, field := range strings.Split(rest, ",") {
			name, value, _ := strings.Cut(strings.TrimSpace(field), "=")
			switch name {
			case "Credential":
				credential = value
			case "SignedHeaders":
				headers = value
			case "Signature":
				s.value = value
			}
		}
		date = r.Header.Get("X-Amz-Date")
		s.sessionToken = r.Header.Get("X-Amz-Security-Token")
		s.payloadHash = r.Header.Get("X-Amz-Content-Sha256")
	case query.Has("X-Amz-Signature"):
		s.presigned = true
		credential, headers, date = query.Get("X-Amz-Credential"), query.Get("X-Amz-SignedHeaders"), query.Get("X-Amz-Date")
		s.value, s.sessionToken = query.Get("X-Amz-Signature"), query.Get("X-Amz-Security-Token")
		s.payloadHash = unsignedPayload
		if hash := query.Get("X-Amz-Content-Sha256"); hash != "" {
			s.payloadHash = hash
		}
		seconds, err := strconv.Atoi(query.Get("X-Amz-Expires"))
		s.expires = time.Duration(seconds) * time.Second
		if err != nil || seconds <= 0 || s.expires > maximumPresign {
			return nil, &apiError{400, "AuthorizationQueryParametersError", "X-Amz-Expires must be between 1 and 604800 seconds"}
		}
	default:
		return nil, nil
	}
	parts := strings.Split(credential, "/")
	if len(parts) < 5 || parts[len(parts)-1] != "aws4_request" || headers == "" || s.value == "" {
		return nil, &apiError{400, "AuthorizationHeaderMalformed", "The authorization header is malformed; the authorization component is missing or malformed."}
	}
	n := len(parts)
	s.accessKeyID, s.date, s.region, s.service = strings.Join(parts[:n-4], "/"), parts[n-4], parts[n-3], parts[n-2]
	s.signedHeaders = strings.Split(headers, ";")
	at, err := time.Parse(dateFormat, date)
	if err != nil {
		if at, err = http.ParseTime(r.Header.Get("Date")); err != nil {
			return nil, &apiError{403, "AccessDenied", "AWS authentication requires a valid Date or x-amz-date header"}
		}
	}
	s.at = at.UTC()
	return s, nil
}

// check compares the signature with what the secret gives, and its time with now.
func (s *signature) check(r *http.Request, secret string, now time.Time) *apiError {
	if s.presigned {
		if now.After(s.at.Add(s.expires)) || s.at.After(now.Add(maximumSkew)) {
			return &apiError{403, "AccessDenied", "Request has expired"}
		}
	} else if skew := now.Sub(s.at); skew > maximumSkew || skew < -maximumSkew {
		return &apiError{403, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large."}
	}
	if !strings.HasPrefix(s.at.Format(dateFormat), s.date) {
		return &apiError{400, "AuthorizationHeaderMalformed", "The authorization header is malformed; the credential date does not match the request date."}
	}
	if !slices.Contains(s.signedHeaders, "host") {
		return &apiError{403, "AccessDenied", "There were headers present in the request which were not signed"}
	}
	for name := range r.Header {
		if lower := strings.ToLower(name); strings.HasPrefix(lower, "x-amz-") && !slices.Contains(s.signedHeaders, lower) {
			return &apiError{403, "AccessDenied", "There were headers present in the request which were not signed"}
		}
	}
	if !s.presigned && s.payloadHash == "" {
		return &apiError{400, "InvalidRequest", "Missing required header for this request: x-amz-content-sha256"}
	}
	want := signatureOf(r, secret, s)
	if subtle.ConstantTimeCompare([]byte(want), []byte(s.value)) != 1 {
		return &apiError{403, "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided. Check your key and signing method."}
	}
	return nil
}

func signatureOf(r *http.Request, secret string, s *signature) string {
	var headers strings.Builder
	for _, name := range s.signedHeaders {
		headers.WriteString(name + ":" + headerValue(r, name) + "\n")
	}
	canonical := strings.Join([]string{
		r.Method, escape(unescapedPath(r.URL), true), canonicalQuery(r.URL.RawQuery), headers.String(),
		strings.Join(s.signedHeaders, ";"), s.payloadHash,
	}, "\n")
	sum := sha256.Sum256([]byte(canonical))
	scope := s.date + "/" + s.region + "/" + s.service + "/aws4_request"
	text := algorithm + "\n" + s.at.Format(dateFormat) + "\n" + scope + "\n" + hex.EncodeToString(sum[:])
	key := []byte("AWS4" + secret)
	for _, part := range []string{s.date, s.region, s.service, "aws4_request", text} {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	return hex.EncodeToString(key)
}

// sign puts an Authorization header on a request that goes to one of the servers behind the front.
func sign(r *http.Request, who credentials, region, payloadHash string) {
	at := time.Now().UTC()
	r.Header.Set("X-Amz-Date", at.Format(dateFormat))
	r.Header.Set("X-Amz-Content-Sha256", payloadHash)
	s := &signature{date: at.Format("20060102"), region: region, service: "s3", at: at, payloadHash: payloadHash, signedHeaders: []string{"host"}}
	for name := range r.Header {
		if lower := strings.ToLower(name); strings.HasPrefix(lower, "x-amz-") || lower == "content-md5" || lower == "content-type" {
			s.signedHeaders = append(s.signedHeaders, lower)
		}
	}
	slices.Sort(s.signedHeaders)
	r.Header.Set("Authorization", algorithm+" Credential="+who.accessKeyID+"/"+s.date+"/"+region+"/s3/aws4_request, SignedHeaders="+
		strings.Join(s.signedHeaders, ";")+", Signature="+signatureOf(r, who.secret, s))
}

func headerValue(r *http.Request, name string) string {
	switch name {
	case "host":
		return r.Host
	case "content-length":
		return strconv.FormatInt(r.ContentLength, 10)
	case "transfer-encoding":
		return strings.Join(r.TransferEncoding, ",")
	}
	var values []string
	for _, value := range r.Header.Values(name) {
		values = append(values, strings.Join(strings.Fields(value), " "))
	}
	return strings.Join(values, ",")
}

func unescapedPath(u *url.URL) string {
	if u.Path == "" {
		return "/"
	}
	return u.Path
}

func canonicalQuery(raw string) string {
	var pairs []string
	for _, pair := range strings.Split(raw, "&") {
		name, value, _ := strings.Cut(pair, "=")
		name, nameErr := url.QueryUnescape(name)
		value, valueErr := url.QueryUnescape(value)
		if nameErr != nil || valueErr != nil || name == "" || name == "X-Amz-Signature" {
			continue
		}
		pairs = append(pairs, escape(name, false)+"="+escape(value, false))
	}
	slices.Sort(pairs)
	return strings.Join(pairs, "&")
}

// escape encodes all but the unreserved characters of RFC 3986, as SigV4 asks.
func escape(text string, keepSlash bool) string {
	var out strings.Builder
	for i := range len(text) {
		c := text[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0 || c == '/' && keepSlash {
			out.WriteByte(c)
		} else {
			out.WriteByte('%')
			out.WriteString(strings.ToUpper(hex.EncodeToString([]byte{c})))
		}
	}
	return out.String()
}
