package bait

import "strings"

// The hosts of a cloud are its metadata service, which hands its credentials
// out, and the APIs that take them. Sending a credential there is use of it and
// no theft: whoever wants to steal it sends it elsewhere. Hosts of the cloud at
// which anybody may listen (machines, functions, load balancers, web sites) are
// none of these. In a pattern, * is one label.
var (
	metadataAWS = []string{"169.254.169.254", "fd00:ec2::254", "169.254.170.2", "instance-data", "instance-data.ec2.internal"}
	awsAPI      = append([]string{
		"sts.amazonaws.com", "iam.amazonaws.com", "ec2.amazonaws.com", "s3.amazonaws.com", "*.s3.amazonaws.com", "*.s3.*.amazonaws.com",
		"sts.*.amazonaws.com", "ec2.*.amazonaws.com", "s3.*.amazonaws.com", "ssm.*.amazonaws.com", "kms.*.amazonaws.com",
		"ecs.*.amazonaws.com", "eks.*.amazonaws.com", "sqs.*.amazonaws.com", "sns.*.amazonaws.com", "rds.*.amazonaws.com",
		"logs.*.amazonaws.com", "lambda.*.amazonaws.com", "dynamodb.*.amazonaws.com", "monitoring.*.amazonaws.com",
		"secretsmanager.*.amazonaws.com", "cloudformation.*.amazonaws.com", "api.ecr.*.amazonaws.com", "*.dkr.ecr.*.amazonaws.com",
	}, metadataAWS...)
	gcpAPI = []string{
		"169.254.169.254", "metadata", "metadata.google.internal", "*.googleapis.com", "gcr.io", "*.gcr.io", "*.pkg.dev",
	}
	azureAPI = []string{
		"169.254.169.254", "168.63.129.16", "management.azure.com", "graph.microsoft.com", "login.microsoftonline.com",
		"*.vault.azure.net", "*.azurecr.io",
	}
	metadataAlibaba = []string{"100.100.100.200"}
	alibabaAPI      = append([]string{
		"sts.aliyuncs.com", "ram.aliyuncs.com", "ecs.aliyuncs.com", "sts.*.aliyuncs.com", "ecs.*.aliyuncs.com", "oss.*.aliyuncs.com",
	}, metadataAlibaba...)
	kubernetesAPI = []string{
		"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local", "10.96.0.1",
	}
)

// Home tells whether a host, a name or an address without a port, is one that
// handed a credential out or that it is meant for. It knows nothing of what was
// sent around it: a token in the header of a request to a bucket and one in the
// object stored there look the same to it.
func (s *Set) Home(name, host string) bool {
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	for _, k := range All {
		if k.Name != name {
			continue
		}
		for _, pattern := range k.home {
			if fits(pattern, host) {
				return true
			}
		}
	}
	return false
}

// fits compares label by label.
func fits(pattern, host string) bool {
	if strings.Count(pattern, ".") != strings.Count(host, ".") {
		return false
	}
	for pattern != "" || host != "" {
		var p, h string
		p, pattern, _ = strings.Cut(pattern, ".")
		h, host, _ = strings.Cut(host, ".")
		if p != h && (p != "*" || h == "") {
			return false
		}
	}
	return true
}
