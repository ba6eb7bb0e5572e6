package web

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/detonaut/detonaut/chamber/bait"
)

const (
	awsRegion = "eu-west-1"
	awsRole   = "app-production"
	mac       = "0a:4c:91:be:27:63"
)

// awsVersion is the first part of a path of the instance metadata service.
var awsVersion = compiled(`^(latest|1\.0|20\d\d-\d\d-\d\d)(/|$)`)

// maxTokenAge is how many seconds a session token may last: six hours.
const maxTokenAge = 21600

// awsMetadata is the instance metadata service of EC2, versions 1 and 2 (EC2
// User Guide, "Access instance metadata").
func (s *Site) awsMetadata(q *request) Response {
	a := s.awsAnswer(q)
	a.Answer = "metadata/aws"
	return a.with("Server", "EC2ws")
}

func (s *Site) awsAnswer(q *request) Response {
	p := strings.TrimPrefix(q.path, "/")
	if p == "latest/api/token" && q.Method == http.MethodPut {
		return s.awsToken(q)
	}
	if !q.reads() {
		return awsError(http.StatusMethodNotAllowed)
	}
	if got := q.Header.Get("X-Aws-Ec2-Metadata-Token"); got != "" && got != s.sessionToken() {
		return awsError(http.StatusUnauthorized)
	}
	if p == "" {
		return reply("", http.StatusOK, "text/plain", "1.0\n2007-01-19\n2012-01-12\n2016-09-02\n2018-09-24\n2021-07-15\nlatest")
	}
	version := awsVersion().FindString(p)
	if version == "" {
		return awsError(http.StatusNotFound)
	}
	value, directory, ok := s.awsTree().get(strings.TrimPrefix(p, version))
	if !ok {
		return awsError(http.StatusNotFound)
	}
	kind := "text/plain"
	if !directory && strings.HasPrefix(value, "{") && !strings.Contains(p, "document") {
		kind = "application/json"
	}
	return reply("", http.StatusOK, kind, value)
}

// awsToken begins a session of version 2.
func (s *Site) awsToken(q *request) Response {
	const ttl = "X-Aws-Ec2-Metadata-Token-Ttl-Seconds"
	seconds, err := strconv.Atoi(q.Header.Get(ttl))
	switch {
	case q.Header.Get("X-Forwarded-For") != "": // it came through a proxy
		return awsError(http.StatusForbidden)
	case err != nil || seconds < 1 || seconds > maxTokenAge:
		return awsError(http.StatusBadRequest)
	}
	return reply("", http.StatusOK, "text/plain", s.sessionToken()).with(ttl, strconv.Itoa(seconds))
}

// sessionToken is the only one there is: it has the length of real ones.
func (s *Site) sessionToken() string { return "AQAEA" + s.token(49, "imds") + "==" }

func awsError(status int) Response {
	text := fmt.Sprintf("%d - %s", status, http.StatusText(status))
	return reply("", status, "text/html", `<?xml version="1.0" encoding="iso-8859-1"?>
<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN"
	"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">
<html xmlns="http://www.w3.org/1999/xhtml" xml:lang="en" lang="en">
 <head>
  <title>`+text+`</title>
 </head>
 <body>
  <h1>`+text+`</h1>
 </body>
</html>
`)
}

// awsTree is what comes after the version in a path.
func (s *Site) awsTree() tree {
	dashed := "ip-" + strings.ReplaceAll(privateAddress, ".", "-")
	private := dashed + "." + awsRegion + ".compute.internal"
	public := "ec2-" + strings.ReplaceAll(PublicAddress, ".", "-") + "." + awsRegion + ".compute.amazonaws.com"
	account := bait.Account(s.opts.Baits.Value("aws-access-key-id"))
	card := "meta-data/network/interfaces/macs/" + mac + "/"
	return tree{
		{"dynamic/instance-identity/document", s.identityDocument(account)},
		{"dynamic/instance-identity/pkcs7", s.token(64, "pkcs7")},
		{"dynamic/instance-identity/signature", s.token(64, "signature")},
		{"meta-data/ami-id", "ami-0" + s.token(16, "ami")},
		{"meta-data/ami-launch-index", "0"},
		{"meta-data/ami-manifest-path", "(unknown)"},
		{"meta-data/block-device-mapping/ami", "/dev/xvda"},
		{"meta-data/block-device-mapping/root", "/dev/xvda"},
		{"meta-data/hostname", private},
		{"meta-data/iam/info", fmt.Sprintf("{\n  \"Code\" : \"Success\",\n  \"LastUpdated\" : %q,\n  \"InstanceProfileArn\" : \"arn:aws:iam::%s:instance-profile/%s\",\n  \"InstanceProfileId\" : \"AIPA%s\"\n}",
			stamp(s.hour()), account, awsRole, strings.ToUpper(s.token(16, "profile")))},
		{"meta-data/iam/security-credentials/" + awsRole, s.awsCredentials()},
		{"meta-data/instance-action", "none"},
		{"meta-data/instance-id", s.instanceID()},
		{"meta-data/instance-life-cycle", "on-demand"},
		{"meta-data/instance-type", "m5.large"},
		{"meta-data/local-hostname", private},
		{"meta-data/local-ipv4", privateAddress},
		{"meta-data/mac", mac},
		{"meta-data/network/interfaces/macs/" + mac + "/device-number", "0"},
		{card + "local-ipv4s", privateAddress},
		{card + "mac", mac},
		{card + "owner-id", account},
		{card + "public-ipv4s", PublicAddress},
		{card + "security-groups", "default"},
		{card + "subnet-id", "subnet-0" + s.token(16, "subnet")},
		{card + "vpc-id", "vpc-0" + s.token(16, "vpc")},
		{"meta-data/placement/availability-zone", awsRegion + "a"},
		{"meta-data/placement/availability-zone-id", "euw1-az3"},
		{"meta-data/placement/region", awsRegion},
		{"meta-data/profile", "default-hvm"},
		{"meta-data/public-hostname", public},
		{"meta-data/public-ipv4", PublicAddress},
		{"meta-data/reservation-id", "r-0" + s.token(16, "reservation")},
		{"meta-data/security-groups", "default"},
		{"meta-data/services/domain", "amazonaws.com"},
		{"meta-data/services/partition", "aws"},
		{"user-data", "#!/bin/bash\nset -e\nexport DB_HOST=db.internal\nexport DB_PASSWORD=" + s.opts.Baits.Value("env-password") + "\nsystemctl start app\n"},
	}
}

func (s *Site) instanceID() string { return "i-0" + s.token(16, "instance") }

// identityDocument says who the machine is, and is signed in earnest.
func (s *Site) identityDocument(account string) string {
	return fmt.Sprintf(`{
  "accountId" : %q,
  "architecture" : "x86_64",
  "availabilityZone" : "%sa",
  "billingProducts" : null,
  "devpayProductCodes" : null,
  "marketplaceProductCodes" : null,
  "imageId" : "ami-0%s",
  "instanceId" : %q,
  "instanceType" : "m5.large",
  "kernelId" : null,
  "pendingTime" : %q,
  "privateIp" : %q,
  "ramdiskId" : null,
  "region" : %q,
  "version" : "2017-09-30"
}`, account, awsRegion, s.token(16, "ami"), s.instanceID(), stamp(epoch), privateAddress, awsRegion)
}

func (s *Site) awsCredentials() string {
	b := s.opts.Baits
	return fmt.Sprintf(`{
  "Code" : "Success",
  "LastUpdated" : %q,
  "Type" : "AWS-HMAC",
  "AccessKeyId" : %q,
  "SecretAccessKey" : %q,
  "Token" : %q,
  "Expiration" : %q
}`, stamp(s.hour()), b.Value("aws-access-key-id"), b.Value("aws-secret-access-key"), b.Value("aws-session-token"), stamp(s.hour().Add(6*time.Hour)))
}

// containerMetadata is what tasks of ECS and pods of EKS ask for credentials,
// and for who they are.
func (s *Site) containerMetadata(q *request) Response {
	b := s.opts.Baits
	account := bait.Account(b.Value("aws-access-key-id"))
	switch {
	case !q.reads():
		return reply("metadata/ecs", http.StatusMethodNotAllowed, "", "")
	case strings.Contains(q.path, "/credentials"):
		return reply("metadata/ecs", http.StatusOK, "application/json", toJSON(map[string]any{
			"RoleArn": "arn:aws:iam::" + account + ":role/" + awsRole, "AccountId": account,
			"AccessKeyId": b.Value("aws-access-key-id"), "SecretAccessKey": b.Value("aws-secret-access-key"), "Token": b.Value("aws-session-token"),
			"Expiration": stamp(s.hour().Add(6 * time.Hour)),
		}))
	case strings.HasPrefix(q.path, "/v2/metadata"), strings.HasPrefix(q.path, "/v3"), strings.HasPrefix(q.path, "/v4"):
		return reply("metadata/ecs", http.StatusOK, "application/json", toJSON(map[string]any{
			"Cluster": "production", "TaskARN": "arn:aws:ecs:" + awsRegion + ":" + account + ":task/production/" + s.token(32, "task"),
			"Family": "app", "Revision": "12", "DesiredStatus": "RUNNING", "KnownStatus": "RUNNING", "AvailabilityZone": awsRegion + "a", "LaunchType": "EC2",
			"Containers": []any{},
		}))
	}
	return reply("metadata/ecs", http.StatusNotFound, "text/plain", "404 page not found\n")
}
