package web

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// azureMetadata is the instance metadata service of Azure.
func (s *Site) azureMetadata(q *request) (Response, bool) {
	a := s.azureAnswer(q)
	a.Answer = "metadata/azure"
	return a.with("Server", "IMDS/150.870.65.1854"), true
}

func (s *Site) azureAnswer(q *request) Response {
	const json = "application/json; charset=utf-8"
	if !strings.EqualFold(q.Header.Get("Metadata"), "true") {
		return reply("", http.StatusBadRequest, json, `{"error":"invalid_request","error_description":"Required metadata header not specified"}`)
	}
	versions := []string{"2023-11-15", "2023-07-01", "2021-12-13"}
	if q.path == "/metadata/versions" {
		return reply("", http.StatusOK, json, toJSON(map[string]any{"apiVersions": []string{"2018-02-01", "2019-08-01", "2020-06-01", "2021-02-01", "2021-12-13", "2023-07-01", "2023-11-15"}}))
	}
	if q.query.Get("api-version") == "" {
		return reply("", http.StatusBadRequest, json, toJSON(map[string]any{
			"error": "Bad request. api-version was not specified in the request. For more information refer to aka.ms/azureimds", "newest-versions": versions,
		}))
	}
	switch strings.TrimSuffix(q.path, "/") {
	case "/metadata/identity/oauth2/token":
		return s.azureToken(q)
	case "/metadata/identity/info":
		return reply("", http.StatusOK, json, toJSON(map[string]any{"tenantId": uuid(s.token(32, "tenant"))}))
	case "/metadata/instance":
		return reply("", http.StatusOK, json, toJSON(map[string]any{"compute": s.azureCompute(), "network": s.azureNetwork()}))
	case "/metadata/instance/compute":
		return reply("", http.StatusOK, json, toJSON(s.azureCompute()))
	case "/metadata/instance/network":
		return reply("", http.StatusOK, json, toJSON(s.azureNetwork()))
	}
	name, ok := strings.CutPrefix(q.path, "/metadata/instance/compute/")
	if value, is := s.azureCompute()[name].(string); ok && is {
		return reply("", http.StatusOK, "text/plain; charset=utf-8", value)
	}
	return reply("", http.StatusNotFound, json, `{"error":"Not found"}`)
}

// azureToken is for the identity that the machine has.
func (s *Site) azureToken(q *request) Response {
	resource := q.query.Get("resource")
	if resource == "" {
		return reply("", http.StatusBadRequest, "application/json; charset=utf-8", `{"error":"invalid_request","error_description":"Required query variable 'resource' is missing"}`)
	}
	start := s.hour()
	return reply("", http.StatusOK, "application/json; charset=utf-8", toJSON(map[string]any{
		"access_token": s.opts.Baits.Value("azure-access-token"), "client_id": uuid(s.token(32, "client")), "resource": resource, "token_type": "Bearer",
		"expires_in": "86399", "ext_expires_in": "86399", "not_before": strconv.FormatInt(start.Unix(), 10), "expires_on": strconv.FormatInt(start.Add(24*time.Hour).Unix(), 10),
	}))
}

func (s *Site) azureCompute() map[string]any {
	subscription := uuid(s.token(32, "subscription"))
	return map[string]any{
		"azEnvironment": "AzurePublicCloud", "location": "westeurope", "name": "app-01", "offer": "debian-12", "osType": "Linux",
		"publisher": "Debian", "resourceGroupName": "production", "sku": "12-gen2", "subscriptionId": subscription, "tags": "env:production",
		"version": "0.20250311.2046", "vmId": uuid(s.token(32, "vm")), "vmSize": "Standard_D2s_v5", "zone": "1",
		"resourceId": "/subscriptions/" + subscription + "/resourceGroups/production/providers/Microsoft.Compute/virtualMachines/app-01",
	}
}

func (s *Site) azureNetwork() map[string]any {
	return map[string]any{"interface": []any{map[string]any{
		"ipv4": map[string]any{
			"ipAddress": []any{map[string]any{"privateIpAddress": privateAddress, "publicIpAddress": PublicAddress}},
			"subnet":    []any{map[string]any{"address": "172.31.16.0", "prefix": "20"}},
		},
		"ipv6": map[string]any{"ipAddress": []any{}}, "macAddress": strings.ToUpper(strings.ReplaceAll(mac, ":", "")),
	}}}
}

// uuid puts hyphens into 32 digits.
func uuid(digits string) string {
	return digits[:8] + "-" + digits[8:12] + "-4" + digits[13:16] + "-a" + digits[17:20] + "-" + digits[20:]
}

// wireserver is what the agent of a machine of Azure asks for its goal.
func (s *Site) wireserver(q *request) Response {
	const xml = "text/xml; charset=utf-8"
	switch q.query.Get("comp") {
	case "versions":
		return reply("metadata/azure", http.StatusOK, xml, `<?xml version="1.0" encoding="utf-8"?>
<Versions><Preferred><Version>2015-04-05</Version></Preferred><Supported><Version>2015-04-05</Version><Version>2012-11-30</Version></Supported></Versions>
`)
	case "goalstate":
		return reply("metadata/azure", http.StatusOK, xml, `<?xml version="1.0" encoding="utf-8"?>
<GoalState xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><Version>2012-11-30</Version><Incarnation>1</Incarnation><Machine><ExpectedState>Started</ExpectedState><StopRolesDeadlineHint>300000</StopRolesDeadlineHint></Machine><Container><ContainerId>`+
			uuid(s.token(32, "container"))+`</ContainerId><RoleInstanceList><RoleInstance><InstanceId>`+uuid(s.token(32, "role"))+`._app-01</InstanceId><State>Started</State></RoleInstance></RoleInstanceList></Container></GoalState>
`)
	}
	return reply("metadata/azure", http.StatusBadRequest, xml, `<?xml version="1.0" encoding="utf-8"?>
<Error xmlns="http://schemas.microsoft.com/windowsazure"><Code>InvalidRequest</Code></Error>
`)
}
