package web

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// alibabaMetadata is the metadata service of ECS of Alibaba Cloud.
func (s *Site) alibabaMetadata(q *request) Response {
	const answer = "metadata/alibaba"
	if q.path == "/latest/api/token" && q.Method == http.MethodPut {
		if q.Header.Get("X-Aliyun-Ecs-Metadata-Token-Ttl-Seconds") == "" {
			return reply(answer, http.StatusBadRequest, "text/plain", "")
		}
		return reply(answer, http.StatusOK, "text/plain", s.token(56, "alibaba")+"==")
	}
	p, ok := q.under("/latest/")
	if !ok || !q.reads() {
		return wrongPath(answer)
	}
	value, _, ok := s.alibabaTree().get(p)
	if !ok {
		return wrongPath(answer)
	}
	return reply(answer, http.StatusOK, "text/plain", value)
}

func (s *Site) alibabaTree() tree {
	b := s.opts.Baits
	credentials := fmt.Sprintf("{\n  \"AccessKeyId\" : %q,\n  \"AccessKeySecret\" : %q,\n  \"Expiration\" : %q,\n  \"SecurityToken\" : %q,\n  \"LastUpdated\" : %q,\n  \"Code\" : \"Success\"\n}",
		b.Value("alibaba-access-key-id"), b.Value("alibaba-access-key-secret"), stamp(s.hour().Add(6*time.Hour)), b.Value("alibaba-security-token"), stamp(s.hour()))
	return tree{
		{"dynamic/instance-identity/document", toJSON(map[string]any{"region-id": "cn-hangzhou", "zone-id": "cn-hangzhou-h", "instance-id": "i-bp1" + s.token(17, "alibaba"), "private-ipv4": privateAddress})},
		{"meta-data/eipv4", PublicAddress},
		{"meta-data/hostname", "app-1"},
		{"meta-data/image-id", "debian_12_5_x64_20G_alibase_20250311.vhd"},
		{"meta-data/instance-id", "i-bp1" + s.token(17, "alibaba")},
		{"meta-data/mac", mac},
		{"meta-data/owner-account-id", "1648291037745526"},
		{"meta-data/private-ipv4", privateAddress},
		{"meta-data/ram/security-credentials/" + awsRole, credentials},
		{"meta-data/region-id", "cn-hangzhou"},
		{"meta-data/zone-id", "cn-hangzhou-h"},
		{"user-data", ""},
	}
}

// digitalOcean is the metadata service of droplets.
func (s *Site) digitalOcean(q *request) (Response, bool) {
	const answer = "metadata/digitalocean"
	all := tree{
		{"hostname", "app-01"},
		{"id", "398127744"},
		{"interfaces/public/0/ipv4/address", PublicAddress},
		{"interfaces/public/0/mac", mac},
		{"public-keys", ""},
		{"region", "fra1"},
		{"user-data", "#cloud-config\n"},
		{"vendor-data", "#cloud-config\n"},
	}
	p, ok := q.under("/metadata/v1")
	if !ok || !q.reads() {
		return wrongPath(answer), true
	}
	if p == ".json" {
		return reply(answer, http.StatusOK, "application/json", toJSON(map[string]any{
			"droplet_id": 398127744, "hostname": "app-01", "region": "fra1", "user_data": "#cloud-config\n", "public_keys": []string{},
			"interfaces": map[string]any{"public": []any{map[string]any{"ipv4": map[string]any{"ip_address": PublicAddress}, "mac": mac, "type": "public"}}},
		})), true
	}
	value, _, ok := all.get(strings.TrimPrefix(p, "/"))
	if !ok {
		return wrongPath(answer), true
	}
	return reply(answer, http.StatusOK, "text/plain", value), true
}

// oracleMetadata is that of Oracle Cloud, version 2, which wants a header.
func (s *Site) oracleMetadata(q *request) (Response, bool) {
	const answer = "metadata/oracle"
	if strings.HasPrefix(q.path, "/opc/v2") && q.Header.Get("Authorization") != "Bearer Oracle" {
		return reply(answer, http.StatusForbidden, "text/html", page("403", "Forbidden")), true
	}
	if rest := strings.Trim(q.path, "/"); rest != "opc/v2/instance" && rest != "opc/v1/instance" {
		return wrongPath(answer), true
	}
	return reply(answer, http.StatusOK, "application/json", toJSON(map[string]any{
		"availabilityDomain": "EU-FRANKFURT-1-AD-1", "canonicalRegionName": "eu-frankfurt-1", "displayName": "app-01", "hostname": "app-01",
		"id": "ocid1.instance.oc1.eu-frankfurt-1." + s.token(60, "oracle"), "shape": "VM.Standard.E4.Flex", "state": "Running", "metadata": map[string]any{},
	})), true
}

// openStack is the metadata service that many smaller clouds have.
func (s *Site) openStack(q *request) (Response, bool) {
	const answer = "metadata/openstack"
	switch strings.TrimPrefix(strings.Trim(q.path, "/"), "openstack") {
	case "":
		return reply(answer, http.StatusOK, "text/plain", "2012-08-10\n2018-08-27\nlatest"), true
	case "/latest":
		return reply(answer, http.StatusOK, "text/plain", "meta_data.json\nuser_data\nnetwork_data.json"), true
	case "/latest/meta_data.json":
		return reply(answer, http.StatusOK, "application/json", toJSON(map[string]any{
			"uuid": uuid(s.token(32, "openstack")), "hostname": "app-01", "name": "app-01", "availability_zone": "nova", "launch_index": 0, "keys": []any{}, "meta": map[string]any{},
		})), true
	case "/latest/network_data.json":
		return reply(answer, http.StatusOK, "application/json", `{"links":[],"networks":[],"services":[]}`), true
	case "/latest/user_data":
		return reply(answer, http.StatusOK, "text/plain", "#cloud-config\n"), true
	}
	return wrongPath(answer), true
}
