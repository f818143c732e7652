package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
)

func TestConditionalWritesAreAsDocumented(t *testing.T) {
	l := startLab(t)
	c := l.connector()
	b := l.bucket(c)
	put := func(body string, ifMatch, ifNoneMatch *string) (string, error) {
		answer, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: b, Key: aws.String("lease"), Body: strings.NewReader(body), IfMatch: ifMatch, IfNoneMatch: ifNoneMatch})
		if err != nil {
			return "", err
		}
		return *answer.ETag, nil
	}
	_, err := put("0", aws.String(`"d41d8cd98f00b204e9800998ecf8427e"`), nil)
	wantCode(t, err, "NoSuchKey")
	first, err := put("1", nil, aws.String("*"))
	ok(t, first, err)
	_, err = put("2", nil, aws.String("*"))
	wantCode(t, err, "PreconditionFailed")
	second, err := put("2", &first, nil)
	ok(t, second, err)
	_, err = put("3", &first, nil)
	wantCode(t, err, "PreconditionFailed")
	_, err = put("3", nil, &second)
	wantCode(t, err, "NotImplemented")
	l.mutex.Lock()
	l.deny["s3:GetObject "+objectARN(*b, "lease")] = true
	l.mutex.Unlock()
	_, err = put("3", &second, nil)
	wantCode(t, err, "AccessDenied")
}

func TestOfConditionalWritesAtOnceOneWins(t *testing.T) {
	l := startLab(t)
	c := l.connector()
	b := l.bucket(c)
	for round := range 20 {
		var group sync.WaitGroup
		won := make(chan int, 8)
		for racer := range 8 {
			group.Go(func() {
				_, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: b, Key: aws.String(fmt.Sprint(round)), Body: strings.NewReader(fmt.Sprint(racer)), IfNoneMatch: aws.String("*")})
				var refusal smithy.APIError
				switch {
				case err == nil:
					won <- racer
				case !errors.As(err, &refusal) || refusal.ErrorCode() != "PreconditionFailed" && refusal.ErrorCode() != "ConditionalRequestConflict":
					t.Error(err)
				}
			})
		}
		group.Wait()
		if len(won) != 1 {
			t.Fatalf("%d writes won", len(won))
		}
	}
}

func TestConditionalWriteBesideAnotherIsRefused(t *testing.T) {
	l := startLab(t)
	c := l.connector()
	b := l.bucket(c)
	l.post("/shape", `{"bytesPerSecond":2000000}`)
	slow := make(chan error, 1)
	go func() {
		_, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: b, Key: aws.String("k"), Body: bytes.NewReader(noise(2_000_000, 4))})
		slow <- err
	}()
	time.Sleep(300 * time.Millisecond) // the slow one is on its way for a second
	_, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: b, Key: aws.String("k"), Body: strings.NewReader("x"), IfNoneMatch: aws.String("*")})
	wantCode(t, err, "ConditionalRequestConflict")
	ok(t, 0, <-slow)
	l.post("/shape", `{"bytesPerSecond":0}`)
	_, err = c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: b, Key: aws.String("k"), Body: strings.NewReader("x")})
	ok(t, 0, err)
}

func TestLostAnswerLeavesTheRequestCarriedOut(t *testing.T) {
	l := startLab(t)
	c := l.connector()
	b := l.bucket(c)
	l.post("/faults", `{"service":"s3","operation":"PutObject","kind":"loseAnswer"}`)
	put := func() error {
		_, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: b, Key: aws.String("k"), Body: strings.NewReader("x"), IfNoneMatch: aws.String("*")})
		return err
	}
	var answered smithy.APIError
	if err := put(); err == nil || errors.As(err, &answered) {
		t.Fatalf("wanted a cut: %v", err)
	}
	wantCode(t, put(), "PreconditionFailed")
	l.post("/faults", `{"service":"ec2","kind":"loseAnswer"}`)
	request, _ := http.NewRequest(http.MethodPost, l.endpoint+"/", strings.NewReader("Action=DescribeImages"))
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("X-Amz-Date", time.Now().UTC().Format(dateFormat))
	request.Header.Set("Authorization", algorithm+" Credential=CONNECTOR/20260101/"+region+"/ec2/aws4_request, SignedHeaders=host, Signature=00")
	once := http.Transport{DisableKeepAlives: true} // on a connection that was used before, Go would quietly ask again
	if response, err := once.RoundTrip(request); err == nil {
		response.Body.Close()
		t.Fatalf("answered %d", response.StatusCode)
	}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if len(l.received) != 1 {
		t.Fatalf("the backend received %v", l.received)
	}
}
