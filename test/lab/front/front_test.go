package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
)

const (
	region  = "eu-central-1"
	account = "111122223333"
)

// lab is a front before a versitygw and a moto that run, and a backend that stands for the lab's AWS server.
type lab struct {
	t                             *testing.T
	endpoint, control, backendURL string
	mutex                         sync.Mutex
	deny                          map[string]bool // "action resource"
	received                      []string        // what the backend was asked besides authorization
}

var processes struct {
	sync.Once
	versitygw, moto string
	err             error
}

func TestMain(m *testing.M) {
	directory, err := os.MkdirTemp("", "front-test")
	if err != nil {
		panic(err)
	}
	var running []*exec.Cmd
	processes.Do(func() {
		cache := filepath.Join("..", "..", "..", ".cache")
		start := func(name string, environment []string, arguments ...string) {
			if processes.err != nil {
				return
			}
			command := exec.Command(name, arguments...)
			command.Env = append(os.Environ(), environment...)
			command.Stderr = os.Stderr
			if processes.err = command.Start(); processes.err == nil {
				running = append(running, command)
			}
		}
		buckets := filepath.Join(directory, "buckets")
		if processes.err = os.Mkdir(buckets, 0o700); processes.err != nil {
			return
		}
		socket := filepath.Join(directory, "s3.sock")
		start(filepath.Join(cache, "bin", "versitygw"), []string{"ROOT_ACCESS_KEY=root", "ROOT_SECRET_KEY=rootsecret"},
			"--port", socket, "--region", region, "--keep-alive", "--quiet", "posix", buckets)
		port := freePort()
		start(filepath.Join(cache, "venv", "bin", "moto_server"), nil, "-H", "127.0.0.1", "-p", port)
		processes.versitygw, processes.moto = "unix://"+socket, "http://127.0.0.1:"+port
		for range 200 {
			_, unix := os.Stat(socket)
			conn, tcp := net.Dial("tcp", "127.0.0.1:"+port)
			if unix == nil && tcp == nil {
				conn.Close()
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
		processes.err = errors.New("versitygw or moto did not start")
	})
	code := m.Run()
	for _, command := range running {
		command.Process.Kill()
		command.Wait()
	}
	os.RemoveAll(directory)
	os.Exit(code)
}

func freePort() string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	defer listener.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	return port
}

func startLab(t *testing.T) *lab {
	t.Helper()
	if processes.err != nil {
		t.Fatalf("%v (the lab's tools are installed by test/lab/tools.ts)", processes.err)
	}
	l := &lab{t: t, deny: map[string]bool{}}
	backend := httptest.NewServer(http.HandlerFunc(l.backend))
	t.Cleanup(backend.Close)
	var config Config
	config.AwsBackend, config.InternalToken, config.Region, config.AccountID = backend.URL, "inside", region, account
	config.Versitygw.URL, config.Versitygw.RootAccessKey, config.Versitygw.RootSecretKey = processes.versitygw, "root", "rootsecret"
	config.Moto.URL, config.StateDir = processes.moto, t.TempDir()
	f, err := newFront(config)
	if err != nil {
		t.Fatal(err)
	}
	service := httptest.NewUnstartedServer(f)
	service.Listener = f.shaper.Listener(service.Listener)
	service.Start()
	control := httptest.NewServer(f.controlHandler())
	t.Cleanup(service.CloseClientConnections)
	t.Cleanup(control.Close)
	l.endpoint, l.control, l.backendURL = service.URL, control.URL, backend.URL
	return l
}

var secrets = map[string][2]string{ // access key → secret, account
	"CONNECTOR": {"connector-secret", account},
	"STRANGER":  {"stranger-secret", "999988887777"},
	"SESSION":   {"session-secret", account},
}

func (l *lab) backend(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	if r.URL.Path != "/internal/authorize" {
		l.mutex.Lock()
		l.received = append(l.received, r.Method+" "+r.URL.RequestURI()+" "+r.Host+" "+string(body))
		l.mutex.Unlock()
		w.Header().Set("X-From", "backend")
		fmt.Fprint(w, "{}")
		return
	}
	var q struct{ AccessKeyID, SessionToken, Action, Resource string }
	if r.Header.Get("X-Lab-Internal") != "inside" || json.Unmarshal(body, &q) != nil {
		w.WriteHeader(403)
		return
	}
	found, known := secrets[q.AccessKeyID]
	l.mutex.Lock()
	denied := l.deny[q.Action+" "+q.Resource]
	l.mutex.Unlock()
	json.NewEncoder(w).Encode(verdict{
		Known: known && (q.AccessKeyID != "SESSION" || q.SessionToken != ""), SecretAccessKey: found[0], AccountID: found[1],
		Expired: q.SessionToken == "old", Allowed: !denied, Message: "not authorized to perform: " + q.Action,
	})
}

func (l *lab) client(key, secret, token string) *s3.Client {
	return s3.New(s3.Options{
		Region: region, BaseEndpoint: aws.String(l.endpoint), UsePathStyle: true, RetryMaxAttempts: 1,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: key, SecretAccessKey: secret, SessionToken: token}, nil
		}),
	})
}

func (l *lab) connector() *s3.Client { return l.client("CONNECTOR", "connector-secret", "") }

func (l *lab) post(path, body string) string {
	l.t.Helper()
	response, err := http.Post(l.control+path, "application/json", strings.NewReader(body))
	if err != nil {
		l.t.Fatal(err)
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	if response.StatusCode != 200 {
		l.t.Fatalf("%s answered %d: %s", path, response.StatusCode, text)
	}
	return string(text)
}

var names = struct {
	sync.Mutex
	next int
}{}

func (l *lab) bucket(c *s3.Client) *string {
	l.t.Helper()
	names.Lock()
	names.next++
	name := fmt.Sprintf("hoist-test-%d", names.next)
	names.Unlock()
	_, err := c.CreateBucket(l.t.Context(), &s3.CreateBucketInput{Bucket: &name, CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: region}})
	if err != nil {
		l.t.Fatal(err)
	}
	return &name
}

func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	var e smithy.APIError
	if !errors.As(err, &e) || e.ErrorCode() != code {
		t.Fatalf("wanted %s, got %v", code, err)
	}
}

func ok[T any](t *testing.T, value T, err error) T {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func noise(length int, seed uint64) []byte {
	data := make([]byte, length)
	random := rand.New(rand.NewPCG(seed, 3))
	for i := range data {
		data[i] = byte(random.Uint32())
	}
	return data
}

func TestMultipartUploadKeepsEveryByte(t *testing.T) {
	l := startLab(t)
	c := l.connector()
	b, key := l.bucket(c), aws.String("runs/run 1+ü/disk.vmdk")
	created, err := c.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: b, Key: key, ExpectedBucketOwner: aws.String(account), ChecksumAlgorithm: types.ChecksumAlgorithmCrc32})
	ok(t, created, err)
	data := noise(17<<20, 1)
	var parts []types.CompletedPart
	for number, from := int32(1), 0; from < len(data); number, from = number+1, from+6<<20 {
		piece := data[from:min(from+6<<20, len(data))]
		up, err := c.UploadPart(t.Context(), &s3.UploadPartInput{Bucket: b, Key: key, UploadId: created.UploadId, PartNumber: &number, Body: bytes.NewReader(piece), ChecksumAlgorithm: types.ChecksumAlgorithmCrc32})
		ok(t, up, err)
		parts = append(parts, types.CompletedPart{PartNumber: aws.Int32(number), ETag: up.ETag, ChecksumCRC32: up.ChecksumCRC32})
	}
	listed, err := c.ListParts(t.Context(), &s3.ListPartsInput{Bucket: b, Key: key, UploadId: created.UploadId})
	if len(ok(t, listed, err).Parts) != len(parts) {
		t.Fatalf("%d parts listed", len(listed.Parts))
	}
	uploads, err := c.ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: b})
	if len(ok(t, uploads, err).Uploads) != 1 {
		t.Fatal("the upload is not listed")
	}
	_, err = c.CompleteMultipartUpload(t.Context(), &s3.CompleteMultipartUploadInput{Bucket: b, Key: key, UploadId: created.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts}})
	ok(t, 0, err)
	got, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: b, Key: key})
	ok(t, got, err)
	text, err := io.ReadAll(got.Body)
	if !bytes.Equal(ok(t, text, err), data) {
		t.Fatal("other bytes came back")
	}
	if got.ServerSideEncryption != types.ServerSideEncryptionAes256 {
		t.Fatalf("encryption %q", got.ServerSideEncryption)
	}
	copied, err := c.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: b, Key: aws.String("copy")})
	ok(t, copied, err)
	_, err = c.UploadPartCopy(t.Context(), &s3.UploadPartCopyInput{Bucket: b, Key: aws.String("copy"), UploadId: copied.UploadId, PartNumber: aws.Int32(1), CopySource: aws.String(*b + "/runs/run%201%2B%C3%BC/disk.vmdk"), CopySourceRange: aws.String("bytes=0-5242879")})
	ok(t, 0, err)
	_, err = c.AbortMultipartUpload(t.Context(), &s3.AbortMultipartUploadInput{Bucket: b, Key: aws.String("copy"), UploadId: copied.UploadId})
	ok(t, 0, err)
	uploads, err = c.ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: b})
	if len(ok(t, uploads, err).Uploads) != 0 {
		t.Fatal("an upload is left")
	}
}

func TestSignatureIsChecked(t *testing.T) {
	l := startLab(t)
	b := l.bucket(l.connector())
	head := func(c *s3.Client) error {
		_, err := c.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: b})
		return err
	}
	wantCode(t, head(l.client("NOBODY", "x", "")), "InvalidAccessKeyId")
	wantCode(t, head(l.client("CONNECTOR", "wrong", "")), "SignatureDoesNotMatch")
	wantCode(t, head(l.client("SESSION", "session-secret", "old")), "ExpiredToken")
	ok(t, 0, head(l.client("SESSION", "session-secret", "fresh")))
	l.post("/clock", `{"skewMs":1200000}`)
	wantCode(t, head(l.connector()), "RequestTimeTooSkewed")
	l.post("/clock", `{"skewMs":0}`)
	other := s3.New(l.connector().Options(), func(o *s3.Options) { o.Region = "us-east-1" })
	wantCode(t, head(other), "AuthorizationHeaderMalformed")
	response, err := http.Get(l.endpoint + "/" + *b)
	if ok(t, response, err).StatusCode != 403 {
		t.Fatal("a request without a signature was served")
	}
	response.Body.Close()
}

func TestPresignedURLWorksAndExpires(t *testing.T) {
	l := startLab(t)
	c := l.connector()
	b := l.bucket(c)
	_, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: b, Key: aws.String("k"), Body: strings.NewReader("hello")})
	ok(t, 0, err)
	signed, err := s3.NewPresignClient(c).PresignGetObject(t.Context(), &s3.GetObjectInput{Bucket: b, Key: aws.String("k")}, s3.WithPresignExpires(time.Minute))
	ok(t, signed, err)
	get := func(url string) (int, string) {
		response, err := http.Get(url)
		ok(t, response, err)
		defer response.Body.Close()
		text, _ := io.ReadAll(response.Body)
		return response.StatusCode, string(text)
	}
	if status, text := get(signed.URL); status != 200 || text != "hello" {
		t.Fatalf("%d %s", status, text)
	}
	if status, text := get(strings.Replace(signed.URL, "/k?", "/j?", 1)); status != 403 || !strings.Contains(text, "SignatureDoesNotMatch") {
		t.Fatalf("%d %s", status, text)
	}
	l.post("/clock", `{"skewMs":120000}`)
	if status, _ := get(signed.URL); status != 403 {
		t.Fatalf("an expired URL answered %d", status)
	}
}

func TestPolicyOfTheCallerDecides(t *testing.T) {
	l := startLab(t)
	c := l.connector()
	b := l.bucket(c)
	for _, key := range []string{"a", "b"} {
		_, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: b, Key: &key, Body: strings.NewReader(key)})
		ok(t, 0, err)
	}
	l.deny["s3:PutObject arn:aws:s3:::"+*b+"/a"] = true
	l.deny["s3:DeleteObject arn:aws:s3:::"+*b+"/a"] = true
	_, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: b, Key: aws.String("a"), Body: strings.NewReader("x")})
	wantCode(t, err, "AccessDenied")
	deleted, err := c.DeleteObjects(t.Context(), &s3.DeleteObjectsInput{Bucket: b, Delete: &types.Delete{Objects: []types.ObjectIdentifier{{Key: aws.String("a")}, {Key: aws.String("b")}}}})
	ok(t, deleted, err)
	if len(deleted.Deleted) != 1 || len(deleted.Errors) != 1 || *deleted.Errors[0].Key != "a" || *deleted.Errors[0].Code != "AccessDenied" {
		t.Fatalf("%+v", deleted)
	}
	_, err = c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: b, Key: aws.String("b")})
	wantCode(t, err, "NoSuchKey")
	l.deny["s3:ListBucket arn:aws:s3:::"+*b] = true
	_, err = c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: b, Key: aws.String("b")})
	wantCode(t, err, "AccessDenied")
}

func TestBucketsHaveOneOwner(t *testing.T) {
	l := startLab(t)
	c, stranger := l.connector(), l.client("STRANGER", "stranger-secret", "")
	mine := l.bucket(c)
	create := func(c *s3.Client, name, place string) error {
		input := &s3.CreateBucketInput{Bucket: &name}
		if place != "" {
			input.CreateBucketConfiguration = &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraint(place)}
		}
		_, err := c.CreateBucket(t.Context(), input)
		return err
	}
	wantCode(t, create(c, *mine, region), "BucketAlreadyOwnedByYou")
	wantCode(t, create(stranger, *mine, region), "BucketAlreadyExists")
	wantCode(t, create(c, "elsewhere-1", "us-west-2"), "IllegalLocationConstraintException")
	wantCode(t, create(c, "elsewhere-2", ""), "IllegalLocationConstraintException")
	var given struct{ Name string }
	if err := json.Unmarshal([]byte(l.post("/accounts/444455556666/buckets", "")), &given); err != nil {
		t.Fatal(err)
	}
	told := fmt.Sprintf(`{"name":%q,"owner":"444455556666"}`, given.Name)
	if l.received[0] != "POST /control/buckets "+strings.TrimPrefix(l.backendURL, "http://")+" "+told {
		t.Fatalf("the backend was told %v", l.received)
	}
	_, err := c.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &given.Name})
	wantCode(t, err, "AccessDenied")
	_, err = c.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: mine, ExpectedBucketOwner: aws.String("444455556666")})
	wantCode(t, err, "AccessDenied")
	_, err = c.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String("never-made")})
	wantCode(t, err, "NoSuchBucket")
	listed, err := c.ListBuckets(t.Context(), &s3.ListBucketsInput{})
	if len(ok(t, listed, err).Buckets) != 1 || *listed.Buckets[0].Name != *mine {
		t.Fatalf("%+v", listed.Buckets)
	}
	_, err = c.DeleteBucket(t.Context(), &s3.DeleteBucketInput{Bucket: mine})
	ok(t, 0, err)
	ok(t, 0, create(stranger, *mine, region))
}

func TestSettingsOfABucketAreKept(t *testing.T) {
	l := startLab(t)
	c := l.connector()
	b := l.bucket(c)
	blocked, err := c.GetPublicAccessBlock(t.Context(), &s3.GetPublicAccessBlockInput{Bucket: b})
	if !*ok(t, blocked, err).PublicAccessBlockConfiguration.RestrictPublicBuckets {
		t.Fatal("a new bucket is not blocked")
	}
	_, err = c.GetBucketLifecycleConfiguration(t.Context(), &s3.GetBucketLifecycleConfigurationInput{Bucket: b})
	wantCode(t, err, "NoSuchLifecycleConfiguration")
	_, err = c.PutBucketLifecycleConfiguration(t.Context(), &s3.PutBucketLifecycleConfigurationInput{Bucket: b, LifecycleConfiguration: &types.BucketLifecycleConfiguration{Rules: []types.LifecycleRule{{
		ID: aws.String("sweep"), Status: types.ExpirationStatusEnabled, Filter: &types.LifecycleRuleFilter{Prefix: aws.String("")},
		Expiration: &types.LifecycleExpiration{Days: aws.Int32(14)}, AbortIncompleteMultipartUpload: &types.AbortIncompleteMultipartUpload{DaysAfterInitiation: aws.Int32(14)},
	}}}})
	ok(t, 0, err)
	cycle, err := c.GetBucketLifecycleConfiguration(t.Context(), &s3.GetBucketLifecycleConfigurationInput{Bucket: b})
	if *ok(t, cycle, err).Rules[0].AbortIncompleteMultipartUpload.DaysAfterInitiation != 14 {
		t.Fatal("lifecycle was not kept")
	}
	encrypted, err := c.GetBucketEncryption(t.Context(), &s3.GetBucketEncryptionInput{Bucket: b})
	if ok(t, encrypted, err).ServerSideEncryptionConfiguration.Rules[0].ApplyServerSideEncryptionByDefault.SSEAlgorithm != "AES256" {
		t.Fatal("no default encryption")
	}
	arn := "arn:aws:kms:" + region + ":" + account + ":key/k1"
	_, err = c.PutBucketEncryption(t.Context(), &s3.PutBucketEncryptionInput{Bucket: b, ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{Rules: []types.ServerSideEncryptionRule{{
		ApplyServerSideEncryptionByDefault: &types.ServerSideEncryptionByDefault{SSEAlgorithm: types.ServerSideEncryptionAwsKms, KMSMasterKeyID: &arn}}}}})
	ok(t, 0, err)
	put, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: b, Key: aws.String("k"), Body: strings.NewReader("x")})
	if ok(t, put, err).ServerSideEncryption != types.ServerSideEncryptionAwsKms || *put.SSEKMSKeyId != arn {
		t.Fatalf("%+v", put)
	}
	l.deny["kms:Decrypt "+arn] = true
	_, err = c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: b, Key: aws.String("k")})
	wantCode(t, err, "AccessDenied")
	tagged := &types.Tagging{TagSet: []types.Tag{{Key: aws.String("hoist:connector"), Value: aws.String("c1")}}}
	_, err = c.PutBucketTagging(t.Context(), &s3.PutBucketTaggingInput{Bucket: b, Tagging: tagged})
	ok(t, 0, err)
	tags, err := c.GetBucketTagging(t.Context(), &s3.GetBucketTaggingInput{Bucket: b})
	if *ok(t, tags, err).TagSet[0].Value != "c1" {
		t.Fatal("tags were not kept")
	}
	controls, err := c.GetBucketOwnershipControls(t.Context(), &s3.GetBucketOwnershipControlsInput{Bucket: b})
	if ok(t, controls, err).OwnershipControls.Rules[0].ObjectOwnership != types.ObjectOwnershipBucketOwnerEnforced {
		t.Fatal("ACLs are not off")
	}
	versions, err := c.GetBucketVersioning(t.Context(), &s3.GetBucketVersioningInput{Bucket: b})
	if ok(t, versions, err).Status != "" {
		t.Fatal(versions.Status)
	}
}

func TestBucketPolicyThatDeniesIsObeyed(t *testing.T) {
	l := startLab(t)
	c := l.connector()
	b := l.bucket(c)
	set := func(condition string) error {
		_, err := c.PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: b, Policy: aws.String(fmt.Sprintf(
			`{"Version":"2012-10-17","Statement":[{"Sid":"S","Effect":"Deny","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::%[1]s","arn:aws:s3:::%[1]s/*"],"Condition":%[2]s}]}`, *b, condition))})
		return err
	}
	put := func() error {
		_, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: b, Key: aws.String("a/b"), Body: strings.NewReader("x")})
		return err
	}
	ok(t, 0, set(`{"Bool":{"aws:SecureTransport":"false"}}`))
	ok(t, 0, put())
	got, err := c.GetBucketPolicy(t.Context(), &s3.GetBucketPolicyInput{Bucket: b})
	if !strings.Contains(*ok(t, got, err).Policy, "SecureTransport") {
		t.Fatal(*got.Policy)
	}
	ok(t, 0, set(`{"StringNotEquals":{"aws:PrincipalAccount":"000000000000"}}`))
	wantCode(t, put(), "AccessDenied")
	wantCode(t, set(`{"DateEquals":{"aws:CurrentTime":"2020"}}`), "MalformedPolicy")
	_, err = c.DeleteBucketPolicy(t.Context(), &s3.DeleteBucketPolicyInput{Bucket: b})
	ok(t, 0, err)
	ok(t, 0, put())
}

func TestBodyThatIsNotWhatWasSignedIsRefused(t *testing.T) {
	l := startLab(t)
	c := l.connector()
	b := l.bucket(c)
	l.post("/faults", `{"service":"s3","operation":"PutObject","kind":"corruptBody","afterBytes":70000}`)
	put := func() error {
		_, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: b, Key: aws.String("k"), Body: bytes.NewReader(noise(200_000, 2))})
		return err
	}
	if err := put(); err == nil {
		t.Fatal("a corrupt body was stored")
	} else {
		t.Log(err)
	}
	_, err := c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: b, Key: aws.String("k")})
	wantCode(t, err, "NotFound")
	ok(t, 0, put())
}

func TestFaultsStrikeS3(t *testing.T) {
	l := startLab(t)
	c := l.connector()
	b := l.bucket(c)
	put := func() error {
		_, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: b, Key: aws.String("k"), Body: bytes.NewReader(noise(3_000_000, 2))})
		return err
	}
	l.post("/faults", `{"service":"s3","operation":"PutObject","kind":"error","code":"SlowDown","message":"Please reduce your request rate.","statusCode":503,"times":2}`)
	wantCode(t, put(), "SlowDown")
	wantCode(t, put(), "SlowDown")
	ok(t, 0, put())
	l.post("/faults", `{"service":"s3","kind":"expiredToken"}`)
	wantCode(t, put(), "ExpiredToken")
	l.post("/faults", `{"service":"s3","operation":"PutObject","kind":"reset","afterBytes":500000}`)
	var answered smithy.APIError // a client may word the cut as a reset, or as its own closing after it
	if err := put(); err == nil || errors.As(err, &answered) {
		t.Fatalf("wanted a cut: %v", err)
	}
	l.post("/faults", `{"service":"s3","operation":"GetObject","kind":"reset","afterBytes":500000}`)
	got, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: b, Key: aws.String("k")})
	if n, err := io.Copy(io.Discard, ok(t, got, err).Body); err == nil || n > 500_000 {
		t.Fatalf("%d bytes, %v", n, err)
	}
	l.post("/faults", `{"service":"s3","kind":"hold","operation":"PutObject"}`)
	ended := make(chan error, 1)
	go func() { ended <- put() }()
	select {
	case err := <-ended:
		t.Fatalf("not held: %v", err)
	case <-time.After(200 * time.Millisecond):
	}
	request, _ := http.NewRequest(http.MethodDelete, l.control+"/faults", nil)
	response, err := http.DefaultClient.Do(request)
	ok(t, response, err).Body.Close()
	ok(t, 0, <-ended)
}

func TestOtherServicesGoToTheBackend(t *testing.T) {
	l := startLab(t)
	post := func(service, body string) (*http.Response, string) {
		r, _ := http.NewRequest(http.MethodPost, l.endpoint+"/", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
		r.Header.Set("X-Amz-Date", time.Now().UTC().Format(dateFormat))
		r.Header.Set("Authorization", algorithm+" Credential=CONNECTOR/20260101/"+region+"/"+service+"/aws4_request, SignedHeaders=host, Signature=00")
		response, err := http.DefaultClient.Do(r)
		ok(t, response, err)
		defer response.Body.Close()
		text, _ := io.ReadAll(response.Body)
		return response, string(text)
	}
	response, _ := post("ec2", "Action=DescribeImages&Version=2016-11-15")
	host := strings.TrimPrefix(l.endpoint, "http://")
	if response.Header.Get("X-From") != "backend" || l.received[0] != "POST / "+host+" Action=DescribeImages&Version=2016-11-15" {
		t.Fatal(l.received)
	}
	l.post("/faults", `{"service":"ec2","operation":"ImportSnapshot","kind":"error","code":"ResourceCountLimitExceeded","message":"m","statusCode":400}`)
	if response, text := post("ec2", "Action=ImportSnapshot"); response.StatusCode != 400 || !strings.Contains(text, "<Response><Errors><Error><Code>ResourceCountLimitExceeded") {
		t.Fatal(text)
	}
	l.post("/faults", `{"service":"sts","kind":"expiredToken"}`)
	if _, text := post("sts", "Action=GetCallerIdentity"); !strings.Contains(text, "<ErrorResponse") || !strings.Contains(text, "ExpiredToken") {
		t.Fatal(text)
	}
	l.post("/faults", `{"service":"ebs","kind":"error","code":"RequestThrottledException","message":"m","statusCode":400}`)
	if response, _ := post("ebs", ""); response.Header.Get("X-Amzn-Errortype") != "RequestThrottledException" {
		t.Fatal(response.Header)
	}
	l.post("/imports", `{"next":{"fail":"x"}}`)
	if got := l.received[len(l.received)-1]; !strings.HasPrefix(got, "POST /control/imports ") {
		t.Fatal(got)
	}
	logged, err := http.Get(l.control + "/requests?since=1")
	ok(t, logged, err)
	var entries []call
	if err := json.NewDecoder(logged.Body).Decode(&entries); err != nil || len(entries) != 3 {
		t.Fatalf("%v %+v", err, entries)
	}
	if e := entries[0]; e.Service != "ec2" || e.Operation != "ImportSnapshot" || e.AccessKey != "CONNECTOR" || e.Status != 400 || e.Code != "ResourceCountLimitExceeded" || e.BytesIn != 21 {
		t.Fatalf("%+v", e)
	}
}

func TestLinkIsShaped(t *testing.T) {
	l := startLab(t)
	c := l.connector()
	b := l.bucket(c)
	l.post("/shape", `{"bytesPerSecond":10000000}`)
	started := time.Now()
	_, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: b, Key: aws.String("k"), Body: bytes.NewReader(make([]byte, 5_000_000))})
	ok(t, 0, err)
	if took := time.Since(started); took < 480*time.Millisecond || took > 800*time.Millisecond {
		t.Fatalf("5 MB at 10 MB/s took %v", took)
	}
}

func TestOwnersSurviveARestart(t *testing.T) {
	directory := t.TempDir()
	l, err := loadBuckets(directory)
	ok(t, l, err)
	ok(t, 0, l.change(func(b map[string]*bucket) { b["x"] = &bucket{Owner: account} }))
	again, err := loadBuckets(directory)
	if b, found := ok(t, again, err).get("x"); !found || b.Owner != account {
		t.Fatal("forgotten")
	}
}
