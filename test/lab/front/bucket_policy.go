// Bucket policies: versitygw keeps them, but lets its root user, as whom the front comes, do anything. So their refusals
// are evaluated here. (Their grants matter to other accounts only, and the lab lets no other account in.)
// Source: "IAM JSON policy elements reference"; only the condition operators below are known, others are refused when put.
package main

import (
	"encoding/json"
	"path"
	"strconv"
	"strings"
)

type policy struct {
	Version   string
	Statement []statement
}

type statement struct {
	Sid, Effect            string
	Principal              json.RawMessage
	Action, Resource       oneOrMore
	NotAction, NotResource oneOrMore
	Condition              map[string]map[string]oneOrMore
}

// oneOrMore is a string, a bool or a list of them, as policies have it.
type oneOrMore []string

func (o *oneOrMore) UnmarshalJSON(text []byte) error {
	var many []string
	if json.Unmarshal(text, &many) == nil {
		*o = many
		return nil
	}
	var flag bool
	if json.Unmarshal(text, &flag) == nil {
		*o = []string{map[bool]string{true: "true", false: "false"}[flag]}
		return nil
	}
	var one string
	err := json.Unmarshal(text, &one)
	*o = []string{one}
	return err
}

func malformedPolicy(message string) *apiError { return &apiError{400, "MalformedPolicy", message} }

// conditionOperators compare a request's value ("" if it has none) with one of the policy's.
var conditionOperators = map[string]func(value, want string) bool{
	"Bool": strings.EqualFold,
	"NumericLessThan": func(value, want string) bool {
		have, haveErr := strconv.ParseFloat(value, 64)
		limit, limitErr := strconv.ParseFloat(want, 64)
		return haveErr == nil && limitErr == nil && have < limit
	},
	"StringEquals":    func(value, want string) bool { return value == want },
	"StringNotEquals": func(value, want string) bool { return value != want },
	"StringLike":      func(value, want string) bool { return like(want, value) },
	"StringNotLike":   func(value, want string) bool { return !like(want, value) },
}

func parsePolicy(body []byte) (*policy, *apiError) {
	p := &policy{}
	if err := json.Unmarshal(body, p); err != nil {
		return nil, malformedPolicy("This policy contains invalid Json")
	}
	for _, s := range p.Statement {
		if s.Effect != "Allow" && s.Effect != "Deny" || len(s.Principal) == 0 {
			return nil, malformedPolicy("Missing required field Principal or Effect")
		}
		for operator := range s.Condition {
			if conditionOperators[strings.TrimSuffix(operator, "IfExists")] == nil {
				return nil, malformedPolicy("The lab does not know the condition operator " + operator)
			}
		}
	}
	return p, nil
}

// like matches IAM's wildcards, in which * spans slashes too.
func like(pattern, text string) bool {
	// path.Match stops * at slashes and knows [] and \: keep both out of it.
	replace := strings.NewReplacer("/", "\x00", "[", "\x01", "\\", "\x02")
	matched, err := path.Match(replace.Replace(pattern), replace.Replace(text))
	return err == nil && matched
}

func anyLike(patterns []string, text string) bool {
	for _, pattern := range patterns {
		if like(pattern, text) {
			return true
		}
	}
	return false
}

// denies tells whether a statement refuses the request. Every principal is taken to be meant: those who name some of
// one account to keep out are not what the connector writes.
func (s *statement) denies(p permission, conditions map[string]string) bool {
	if s.Effect != "Deny" {
		return false
	}
	action := strings.ToLower(p.action)
	lower := func(patterns []string) []string {
		return strings.Split(strings.ToLower(strings.Join(patterns, "\n")), "\n")
	}
	if len(s.Action) > 0 && !anyLike(lower(s.Action), action) || len(s.NotAction) > 0 && anyLike(lower(s.NotAction), action) {
		return false
	}
	if len(s.Resource) > 0 && !anyLike(s.Resource, p.resource) || len(s.NotResource) > 0 && anyLike(s.NotResource, p.resource) {
		return false
	}
	for operator, keys := range s.Condition {
		name, optional := strings.CutSuffix(operator, "IfExists")
		for key, wanted := range keys {
			value, present := conditions[key]
			if !present && optional {
				continue
			}
			negated := strings.Contains(name, "Not")
			if !present && !negated {
				return false
			}
			matched := negated // negated operators hold if no value matches, others if one does
			for _, want := range wanted {
				if conditionOperators[name](value, want) != negated {
					matched = !negated
				}
			}
			if !matched {
				return false
			}
		}
	}
	return true
}

// policyDenies asks the policy of a bucket.
func policyDenies(text string, permissions []permission, conditions map[string]string) *apiError {
	if text == "" {
		return nil
	}
	p, e := parsePolicy([]byte(text))
	if e != nil {
		return e
	}
	for _, s := range p.Statement {
		for _, asked := range permissions {
			// The owner's root can always repair a policy; a test's admin takes that part.
			if !strings.HasSuffix(asked.action, "BucketPolicy") && s.denies(asked, conditions) {
				return denied("Access Denied: explicit deny in a resource-based policy, statement " + s.Sid)
			}
		}
	}
	return nil
}
