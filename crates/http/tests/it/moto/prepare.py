"""Fills moto at the address that is the only argument, lets it check signatures from then on, and prints the keys."""

import json
import sys

import boto3
import requests

url = sys.argv[1]
admin = {"endpoint_url": url, "region_name": "eu-central-1", "aws_access_key_id": "a", "aws_secret_access_key": "b"}
everything = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
anybody = json.dumps({
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
})

s3 = boto3.client("s3", **admin)
s3.create_bucket(Bucket="records", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
for key in ["plain.json", "a b/c+d&e=f.json", "bücher/é'()*!~.json"]:
    s3.put_object(Bucket="records", Key=key, Body=json.dumps([{"key": key}]).encode())

dynamodb = boto3.client("dynamodb", **admin)
dynamodb.create_table(
    TableName="records",
    KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    BillingMode="PAY_PER_REQUEST",
)
dynamodb.put_item(TableName="records", Item={"id": {"S": "ü"}})

iam = boto3.client("iam", **admin)
iam.create_user(UserName="spile")
iam.put_user_policy(UserName="spile", PolicyName="all", PolicyDocument=everything)
lasting = iam.create_access_key(UserName="spile")["AccessKey"]
role = iam.create_role(RoleName="reader", AssumeRolePolicyDocument=anybody)["Role"]
iam.put_role_policy(RoleName="reader", PolicyName="all", PolicyDocument=everything)
sts = boto3.client("sts", **admin)
passing = sts.assume_role(RoleArn=role["Arn"], RoleSessionName="spile")["Credentials"]

requests.post(f"{url}/moto-api/reset-auth", data=b"0", timeout=10).raise_for_status()
print(json.dumps({
    "lasting": {"id": lasting["AccessKeyId"], "secret": lasting["SecretAccessKey"], "session": None},
    "passing": {"id": passing["AccessKeyId"], "secret": passing["SecretAccessKey"], "session": passing["SessionToken"]},
}))
